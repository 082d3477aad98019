/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of kernel/lib from the inside: each test_* returns 0, or the line where it failed. */
#include <linux/bitmap.h>
#include <linux/bsearch.h>
#include <linux/completion.h>
#include <linux/ctype.h>
#include <linux/fs.h>
#include <linux/hashtable.h>
#include <linux/idr.h>
#include <linux/kfifo.h>
#include <linux/list_sort.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/rwsem.h>
#include <linux/semaphore.h>
#include <linux/seq_file.h>
#include <linux/sort.h>
#include <linux/time.h>
#include <linux/uio.h>
#include <linux/wait.h>

#define CHECK(cond)                      \
	do {                             \
		if (!(cond))             \
			return __LINE__; \
	} while (0)

static u32 seed = 1;
static u32 next_random(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed >> 8;
}

int test_string(void)
{
	char buf[16], *p, *words;

	CHECK(strscpy(buf, "hello", sizeof(buf)) == 5 && !strcmp(buf, "hello"));
	CHECK(strscpy(buf, "0123456789abcdefgh", sizeof(buf)) == -E2BIG && strlen(buf) == 15);
	CHECK(strlcpy(buf, "abc", 2) == 3 && !strcmp(buf, "a"));
	CHECK(strlcat(buf, "bcd", sizeof(buf)) == 4 && !strcmp(buf, "abcd"));
	CHECK(!strcmp(strncat(buf, "efgh", 2), "abcdef"));
	memset(buf, 'x', sizeof(buf));
	strncpy(buf, "ab", 5);
	CHECK(!memcmp(buf, "ab\0\0\0x", 6));
	CHECK(strcmp("a", "b") < 0 && strcmp("\xff", "a") > 0 && strncmp("abc", "abd", 2) == 0);
	CHECK(strcasecmp("HeLLo", "hEllO") == 0 && strncasecmp("abX", "ABy", 2) == 0);
	CHECK(strchr("abc", 'c')[0] == 'c' && !strchr("abc", 'x') && *strchr("abc", 0) == 0);
	CHECK(!strcmp(strrchr("a/b/c", '/'), "/c") && !strcmp(strstr("hello world", "o w"), "o world"));
	CHECK(!strstr("abc", "abcd") && !strcmp(strstr("abc", ""), "abc") && !strnstr("abcd", "cd", 3));
	CHECK(strspn("aabbc", "ab") == 4 && strcspn("xyz,", ",") == 3);
	strcpy(buf, "  a b \n");
	CHECK(!strcmp(strim(buf), "a b"));
	strcpy(buf, "k=v,w");
	p = buf;
	CHECK(!strcmp(strsep(&p, "="), "k") && !strcmp(strsep(&p, ","), "v") && !strcmp(strsep(&p, ","), "w"));
	CHECK(p == NULL && strsep(&p, ",") == NULL);
	CHECK(sysfs_streq("on\n", "on") && sysfs_streq("on", "on\n") && !sysfs_streq("on", "off"));
	CHECK(memchr_inv("aaab", 'a', 4) && !memchr_inv("aaa", 'a', 3));
	CHECK(isalpha('q') && !isalpha('1') && isxdigit('F') && isspace('\t') && toupper('a') == 'A');
	words = kstrdup("two words", GFP_KERNEL);
	CHECK(words && !strcmp(words, "two words"));
	kfree(words);
	{
		int argc;
		char **argv = argv_split(GFP_KERNEL, " a  bc d ", &argc);

		CHECK(argv && argc == 3 && !strcmp(argv[1], "bc") && !argv[3]);
		argv_free(argv);
	}
	return 0;
}

int test_numbers(void)
{
	unsigned long long ull;
	long long ll;
	char *end, *s;
	int i, ints[4];
	u8 b;
	bool flag;

	CHECK(kstrtoint("42", 10, &i) == 0 && i == 42);
	CHECK(kstrtoint("-0x10\n", 0, &i) == 0 && i == -16);
	CHECK(kstrtoint("017", 0, &i) == 0 && i == 15);
	CHECK(kstrtoint("", 0, &i) == -EINVAL && kstrtoint("4x", 0, &i) == -EINVAL && kstrtoint("4\n\n", 0, &i) == -EINVAL);
	CHECK(kstrtoint("2147483648", 0, &i) == -ERANGE && kstrtoint("-2147483648", 0, &i) == 0 && i == INT_MIN);
	CHECK(kstrtou8("256", 0, &b) == -ERANGE && kstrtou8("255", 0, &b) == 0 && b == 255);
	CHECK(kstrtoull("18446744073709551615", 0, &ull) == 0 && ull == ULLONG_MAX);
	CHECK(kstrtoull("18446744073709551616", 0, &ull) == -ERANGE);
	CHECK(kstrtoll("-9223372036854775808", 0, &ll) == 0 && ll == LLONG_MIN);
	CHECK(kstrtoll("9223372036854775808", 0, &ll) == -ERANGE && kstrtoull("-1", 0, &ull) == -EINVAL);
	CHECK(kstrtobool("Yes", &flag) == 0 && flag && kstrtobool("off", &flag) == 0 && !flag);
	CHECK(kstrtobool("maybe", &flag) == -EINVAL);
	CHECK(simple_strtoul("0x1fz", &end, 0) == 0x1f && *end == 'z' && simple_strtol("-7", NULL, 10) == -7);
	CHECK(memparse("64K", &end) == 65536 && *end == 0);
	s = get_options("3,4-6", 4, ints);
	CHECK(ints[0] == 3 && ints[1] == 3 && ints[2] == 4 && s);
	CHECK(hex_to_bin('f') == 15 && hex_to_bin('g') < 0);
	CHECK(int_sqrt(99) == 9 && int_pow(3, 5) == 243 && gcd(12, 18) == 6 && lcm(4, 6) == 12);
	CHECK(div_u64(1000000000001ULL, 1000) == 1000000000ULL && mul_u64_u32_shr(1ULL << 40, 3, 8) == 3ULL << 32);
	return 0;
}

int test_hexdump(void)
{
	static const u8 data[] = "0123456789\x01\xff";
	char line[128];

	CHECK(hex_dump_to_buffer(data, 4, 16, 1, line, sizeof(line), false) == 11);
	CHECK(!strcmp(line, "30 31 32 33"));
	hex_dump_to_buffer(data, 12, 16, 1, line, sizeof(line), true);
	CHECK(!strcmp(line, "30 31 32 33 34 35 36 37 38 39 01 ff              0123456789.."));
	hex_dump_to_buffer(data, 8, 16, 4, line, sizeof(line), false);
	CHECK(!strcmp(line, "33323130 37363534"));
	CHECK(hex_dump_to_buffer(data, 4, 16, 1, line, 6, false) == 11 && !strcmp(line, "30 31"));
	return 0;
}

int test_time(void)
{
	struct tm tm;

	CHECK(mktime64(1970, 1, 1, 0, 0, 0) == 0 && mktime64(2000, 2, 29, 12, 0, 1) == 951825601);
	time64_to_tm(951825601, 0, &tm);
	CHECK(tm.tm_year == 100 && tm.tm_mon == 1 && tm.tm_mday == 29 && tm.tm_hour == 12 && tm.tm_sec == 1);
	CHECK(tm.tm_wday == 2 && tm.tm_yday == 59);
	time64_to_tm(-1, 0, &tm);
	CHECK(tm.tm_year == 69 && tm.tm_mon == 11 && tm.tm_mday == 31 && tm.tm_hour == 23 && tm.tm_wday == 3);
	return 0;
}

static int cmp_int(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

struct item {
	struct list_head list;
	int key, order;
};

static int cmp_item(void *priv, const struct list_head *a, const struct list_head *b)
{
	return list_entry(a, struct item, list)->key - list_entry(b, struct item, list)->key;
}

int test_sort(void)
{
	static int v[200];
	static struct item items[100];
	LIST_HEAD(head);
	struct item *it, *last = NULL;
	int i, key, n = 0;

	for (i = 0; i < 200; i++)
		v[i] = next_random() % 50;
	sort(v, 200, sizeof(int), cmp_int, NULL);
	for (i = 1; i < 200; i++)
		CHECK(v[i - 1] <= v[i]);
	key = v[77];
	CHECK(*(int *)bsearch(&key, v, 200, sizeof(int), cmp_int) == key);
	key = 99;
	CHECK(!bsearch(&key, v, 200, sizeof(int), cmp_int));
	for (i = 0; i < 100; i++) {
		items[i].key = next_random() % 10;
		items[i].order = i;
		list_add_tail(&items[i].list, &head);
	}
	list_sort(NULL, &head, cmp_item);
	list_for_each_entry(it, &head, list) {
		CHECK(!last || last->key < it->key || (last->key == it->key && last->order < it->order));
		CHECK(!last || it->list.prev == &last->list);
		last = it;
		n++;
	}
	CHECK(n == 100);
	return 0;
}

int test_bitmap(void)
{
	DECLARE_BITMAP(a, 100);
	DECLARE_BITMAP(b, 100);
	unsigned long bit;
	int n = 0;

	bitmap_zero(a, 100);
	bitmap_set(a, 30, 5);
	set_bit(99, a);
	CHECK(bitmap_weight(a, 100) == 6 && find_first_bit(a, 100) == 30 && find_next_bit(a, 100, 35) == 99);
	CHECK(find_first_zero_bit(a, 100) == 0 && find_next_zero_bit(a, 100, 30) == 35 && find_last_bit(a, 100) == 99);
	for_each_set_bit(bit, a, 100)
		n++;
	CHECK(n == 6 && bitmap_find_next_zero_area(a, 100, 28, 4, 0) == 35);
	bitmap_copy(b, a, 100);
	CHECK(bitmap_equal(a, b, 100) && test_and_clear_bit(99, b) && !bitmap_equal(a, b, 100));
	bitmap_xor(b, a, b, 100);
	CHECK(find_first_bit(b, 100) == 99 && !bitmap_empty(b, 100));
	return 0;
}

struct number {
	struct rb_node node;
	u32 key;
};

/* Black height, or -1 when a rule is broken. */
static int black_height(struct rb_node *n)
{
	int l, r;

	if (!n)
		return 0;
	if (n->rb_left && rb_parent(n->rb_left) != n)
		return -1;
	if (n->rb_right && rb_parent(n->rb_right) != n)
		return -1;
	if (!(n->__rb_parent_color & 1)) {
		if (n->rb_left && !(n->rb_left->__rb_parent_color & 1))
			return -1;
		if (n->rb_right && !(n->rb_right->__rb_parent_color & 1))
			return -1;
	}
	l = black_height(n->rb_left);
	r = black_height(n->rb_right);
	if (l < 0 || l != r)
		return -1;
	return l + (n->__rb_parent_color & 1);
}

int test_rbtree(void)
{
	static struct number numbers[128];
	static bool in[128];
	struct rb_root root = RB_ROOT;
	struct rb_node *n;
	int round, count = 0;

	for (round = 0; round < 1000; round++) {
		int i = next_random() % 128, seen = 0;
		u32 last = 0;

		if (in[i]) {
			rb_erase(&numbers[i].node, &root);
			count--;
		} else {
			struct rb_node **link = &root.rb_node, *parent = NULL;

			numbers[i].key = next_random() % 1000;
			while (*link) {
				parent = *link;
				link = numbers[i].key < rb_entry(parent, struct number, node)->key ? &parent->rb_left : &parent->rb_right;
			}
			rb_link_node(&numbers[i].node, parent, link);
			rb_insert_color(&numbers[i].node, &root);
			count++;
		}
		in[i] = !in[i];
		CHECK(black_height(root.rb_node) >= 0);
		for (n = rb_first(&root); n; n = rb_next(n), seen++) {
			CHECK(rb_entry(n, struct number, node)->key >= last);
			last = rb_entry(n, struct number, node)->key;
		}
		CHECK(seen == count);
		for (n = rb_last(&root); n; n = rb_prev(n))
			seen--;
		CHECK(seen == 0);
	}
	return 0;
}

int test_idr(void)
{
	struct idr idr;
	DEFINE_IDA(ida);
	int i, id;
	void *p;

	idr_init(&idr);
	for (i = 0; i < 40; i++)
		CHECK(idr_alloc(&idr, (char *)&seed + i, 1, 0, GFP_KERNEL) == i + 1);
	CHECK(idr_find(&idr, 7) == (void *)((char *)&seed + 6) && idr_remove(&idr, 7) && !idr_find(&idr, 7));
	CHECK(idr_alloc(&idr, &idr, 0, 0, GFP_KERNEL) == 0 && idr_alloc(&idr, &idr, 1, 0, GFP_KERNEL) == 7);
	CHECK(idr_alloc(&idr, &idr, 1, 5, GFP_KERNEL) == -ENOSPC);
	i = 0;
	idr_for_each_entry(&idr, p, id)
		i++;
	CHECK(i == 41);
	idr_destroy(&idr);
	CHECK(ida_alloc(&ida, GFP_KERNEL) == 0 && ida_alloc(&ida, GFP_KERNEL) == 1);
	ida_free(&ida, 0);
	CHECK(ida_alloc(&ida, GFP_KERNEL) == 0 && ida_alloc_max(&ida, 1, GFP_KERNEL) == -ENOSPC);
	ida_destroy(&ida);
	return 0;
}

int test_kfifo(void)
{
	static DEFINE_KFIFO(ints, int, 8);
	DECLARE_KFIFO_PTR(bytes, u8);
	int i, v;
	char out[8];

	for (i = 0; i < 8; i++)
		CHECK(kfifo_put(&ints, i * i));
	CHECK(!kfifo_put(&ints, 1) && kfifo_is_full(&ints));
	CHECK(kfifo_peek(&ints, &v) && v == 0 && kfifo_get(&ints, &v) && kfifo_get(&ints, &v) && v == 1);
	CHECK(kfifo_len(&ints) == 6 && kfifo_avail(&ints) == 2);
	CHECK(kfifo_alloc(&bytes, 5, GFP_KERNEL) == 0 && kfifo_size(&bytes) == 8);
	for (i = 0; i < 20; i++) {
		CHECK(kfifo_in(&bytes, "abcdef", 6) == 6);
		CHECK(kfifo_out(&bytes, out, 8) == 6 && !memcmp(out, "abcdef", 6));
	}
	CHECK(kfifo_is_empty(&bytes));
	kfifo_free(&bytes);
	return 0;
}

int test_iov_iter(void)
{
	char a[4] = "", b[8] = "", c[16];
	struct kvec v[3] = { { a, 3 }, { b, 0 }, { b, 7 } };
	struct iov_iter i;

	iov_iter_kvec(&i, READ, v, 3, 10);
	CHECK(copy_to_iter("0123456789", 5, &i) == 5 && !strcmp(a, "012") && !strcmp(b, "34"));
	CHECK(copy_to_iter("xyzuvw", 6, &i) == 5 && !strcmp(b, "34xyzuv") && iov_iter_count(&i) == 0);
	iov_iter_revert(&i, 8);
	CHECK(iov_iter_count(&i) == 8 && copy_from_iter(c, 16, &i) == 8 && !memcmp(c, "234xyzuv", 8));
	iov_iter_kvec(&i, READ, v, 3, 10);
	iov_iter_advance(&i, 4);
	CHECK(iov_iter_zero(2, &i) == 2 && b[0] == '3' && b[1] == 0 && b[2] == 0 && b[3] == 'y');
	return 0;
}

int test_llseek(void)
{
	struct file f = { .f_pos = 10, .f_mode = FMODE_LSEEK | FMODE_PREAD };
	char to[8];
	loff_t pos = 2;

	CHECK(fixed_size_llseek(&f, 5, SEEK_CUR, 100) == 15 && fixed_size_llseek(&f, -1, SEEK_END, 100) == 99);
	CHECK(fixed_size_llseek(&f, 101, SEEK_SET, 100) == -EINVAL && f.f_pos == 99);
	CHECK(fixed_size_llseek(&f, 0, 9, 100) == -EINVAL && noop_llseek(&f, 1, SEEK_SET) == 99);
	CHECK(no_llseek(&f, 0, 0) == -ESPIPE && nonseekable_open(NULL, &f) == 0 && f.f_mode == 0);
	CHECK(memory_read_from_buffer(to, 8, &pos, "abcdef", 6) == 4 && !memcmp(to, "cdef", 4) && pos == 6);
	return 0;
}

static int woken;
static int count_wake(struct wait_queue_entry *e, unsigned int mode, int flags, void *key)
{
	woken++;
	return 1;
}

int test_wait_queue(void)
{
	static DECLARE_WAIT_QUEUE_HEAD(q);
	struct wait_queue_entry e[4];
	int i;

	for (i = 0; i < 4; i++) {
		init_waitqueue_func_entry(&e[i], count_wake);
		if (i < 2)
			add_wait_queue_exclusive(&q, &e[i]);
		else
			add_wait_queue(&q, &e[i]);
	}
	wake_up(&q);
	CHECK(woken == 3); /* two that share, one exclusive */
	wake_up_all(&q);
	CHECK(woken == 7);
	for (i = 0; i < 4; i++)
		remove_wait_queue(&q, &e[i]);
	CHECK(!waitqueue_active(&q));
	wake_up(&q);
	CHECK(woken == 7 && wait_event_interruptible_timeout(q, false, 5) == 0);
	CHECK(wait_event_timeout(q, true, 5) == 5 && wait_event_timeout(q, true, 0) == 1);
	CHECK(!waitqueue_active(&q) && get_current_state() == TASK_RUNNING);
	return 0;
}

int test_locks(void)
{
	static DEFINE_MUTEX(m);
	static DEFINE_SPINLOCK(s);
	static DECLARE_RWSEM(rw);
	static DEFINE_SEMAPHORE(sem, 2);
	static DECLARE_COMPLETION(done);
	unsigned long flags;

	CHECK(mutex_trylock(&m) && !mutex_trylock(&m) && mutex_is_locked(&m));
	mutex_unlock(&m);
	CHECK(mutex_lock_interruptible(&m) == 0);
	mutex_unlock(&m);
	CHECK(!down_trylock(&sem) && !down_trylock(&sem) && down_trylock(&sem) && down_timeout(&sem, 3) == -ETIME);
	up(&sem);
	CHECK(down_interruptible(&sem) == 0);
	down_read(&rw);
	CHECK(down_read_trylock(&rw) && !down_write_trylock(&rw));
	up_read(&rw);
	up_read(&rw);
	down_write(&rw);
	CHECK(!down_read_trylock(&rw));
	downgrade_write(&rw);
	CHECK(down_read_trylock(&rw));
	CHECK(wait_for_completion_timeout(&done, 4) == 0);
	complete(&done);
	CHECK(completion_done(&done) && wait_for_completion_interruptible(&done) == 0 && !completion_done(&done));
	complete_all(&done);
	CHECK(try_wait_for_completion(&done) && try_wait_for_completion(&done));
	spin_lock_irqsave(&s, flags);
	CHECK(preempt_count() == 1 && irqs_disabled() && !spin_trylock(&s));
	spin_unlock_irqrestore(&s, flags);
	CHECK(preempt_count() == 0 && !irqs_disabled());
	return 0;
}

static int lines = 3, width = 5;

static void *line_start(struct seq_file *m, loff_t *pos)
{
	return *pos < lines ? (void *)(unsigned long)(*pos + 1) : NULL;
}

static void *line_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return line_start(m, pos);
}

static void line_stop(struct seq_file *m, void *v)
{
}

static int line_show(struct seq_file *m, void *v)
{
	int i;

	if ((unsigned long)v == 2)
		return SEQ_SKIP;
	for (i = 0; i < width; i++)
		seq_putc(m, 'a' + (unsigned long)v - 1);
	seq_putc(m, '\n');
	return 0;
}

static const struct seq_operations line_ops = { line_start, line_stop, line_next, line_show };

/* Reads the whole file in steps of size bytes; gives its length, or -1 when a byte is wrong. */
static int read_all(int size)
{
	struct file f = {};
	char page[64];
	struct kvec v;
	struct iov_iter to;
	struct kiocb iocb = { .ki_filp = &f };
	int total = 0;

	if (seq_open(&f, &line_ops))
		return -1;
	for (;;) {
		ssize_t n, i;

		v = (struct kvec){ page, size };
		iov_iter_kvec(&to, READ, &v, 1, size);
		n = seq_read_iter(&iocb, &to);
		if (n <= 0)
			break;
		for (i = 0; i < n; i++, total++) {
			int line = total / (width + 1);
			char want = total % (width + 1) == width ? '\n' : line == 0 ? 'a' : 'b' + line;

			if (page[i] != want)
				return -1;
		}
	}
	seq_release(NULL, &f);
	return total;
}

int test_seq_file(void)
{
	struct file f = {};
	char page[8];
	struct kvec v = { page, 8 };
	struct iov_iter to;
	struct kiocb iocb = { .ki_filp = &f, .ki_pos = 4 };

	CHECK(read_all(1) == 12 && read_all(5) == 12 && read_all(64) == 12);
	lines = 20;
	width = 600; /* more than a page in all */
	CHECK(read_all(64) == 19 * 601);
	width = 9000; /* one record is more than a page */
	CHECK(read_all(64) == 19 * 9001);
	lines = 3;
	width = 5;
	CHECK(seq_open(&f, &line_ops) == 0);
	iov_iter_kvec(&to, READ, &v, 1, 8);
	CHECK(seq_read_iter(&iocb, &to) > 0 && page[0] == 'a' && page[1] == '\n' && page[2] == 'c');
	CHECK(seq_lseek(&f, 6, SEEK_SET) == 6 && seq_lseek(&f, -1, SEEK_SET) == -EINVAL);
	seq_release(NULL, &f);
	return 0;
}

static int number;
static char *text = "born";
static int array[3];
static unsigned int array_len;
static char fixed[4];
module_param(number, int, 0644);
module_param(text, charp, 0444);
module_param_array(array, int, &array_len, 0444);
module_param_string(fixed, fixed, sizeof(fixed), 0444);

int test_params(void)
{
	char list[] = "1,2,3", long_list[] = "1,2,3,4";

	CHECK(__param_number.ops->set("12", &__param_number) == 0 && number == 12);
	CHECK(__param_number.ops->set("x", &__param_number) == -EINVAL && number == 12);
	CHECK(__param_text.ops->set("a", &__param_text) == 0 && __param_text.ops->set("bc", &__param_text) == 0);
	CHECK(!strcmp(text, "bc"));
	__param_text.ops->free(__param_text.arg);
	CHECK(__param_array.ops->set(list, &__param_array) == 0 && array_len == 3 && array[2] == 3 && list[1] == ',');
	CHECK(__param_array.ops->set(long_list, &__param_array) == -EINVAL);
	CHECK(__param_fixed.ops->set("abc", &__param_fixed) == 0 && !strcmp(fixed, "abc"));
	CHECK(__param_fixed.ops->set("abcd", &__param_fixed) == -ENOSPC);
	return 0;
}
