/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text files that are made record by record: Linux's fs/seq_file.c by contract. A record is shown whole; one that
 * does not fit makes the buffer grow. What the reader has not taken yet stays in the buffer.
 */
#include "lib.h"
#include <linux/seq_file.h>

int seq_open(struct file *file, const struct seq_operations *op)
{
	struct seq_file *m = kzalloc(sizeof(*m), GFP_KERNEL);

	WARN_ON(file->private_data);
	if (!m)
		return -ENOMEM;
	mutex_init(&m->lock);
	m->op = op;
	m->file = file;
	file->private_data = m;
	file->f_mode &= ~FMODE_PWRITE;
	return 0;
}

int seq_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;

	kvfree(m->buf);
	kfree(m);
	return 0;
}

static bool enough(struct seq_file *m, size_t size)
{
	if (m->buf && m->size >= size)
		return true;
	kvfree(m->buf);
	m->count = 0;
	m->size = size;
	m->buf = kvmalloc(size, GFP_KERNEL);
	return m->buf != NULL;
}

/*
 * Fills the buffer from record m->index on with at least one record, and more while they are shorter than want.
 * skip bytes are made and thrown away first. 0 or an error; m->count is 0 at the end of the file.
 */
static int fill(struct seq_file *m, size_t want, loff_t skip)
{
	void *p;
	int err = 0;

	m->from = m->count = 0;
	if (!enough(m, PAGE_SIZE))
		return -ENOMEM;
	p = m->op->start(m, &m->index);
	while (p && !IS_ERR(p)) {
		size_t before = m->count;
		loff_t at = m->index;

		err = m->op->show(m, p);
		if (err < 0) {
			m->count = before;
			break;
		}
		if (err > 0) /* SEQ_SKIP */
			m->count = before;
		err = 0;
		if (seq_has_overflowed(m)) {
			m->count = before;
			if (before)
				break; /* next time, in an empty buffer */
			m->op->stop(m, p);
			if (!enough(m, m->size * 2))
				return -ENOMEM;
			p = m->op->start(m, &m->index);
			continue;
		}
		p = m->op->next(m, p, &m->index);
		if (m->index == at) /* a next() that forgets the position would loop for ever */
			m->index++;
		if (skip) {
			size_t drop = min_t(loff_t, skip, m->count);

			skip -= drop;
			m->count -= drop;
			memmove(m->buf, m->buf + drop, m->count);
		}
		if (m->count >= want)
			break;
	}
	if (IS_ERR(p))
		err = PTR_ERR(p);
	m->op->stop(m, p);
	return m->count ? 0 : err;
}

static int seek(struct seq_file *m, loff_t pos)
{
	int err;

	m->index = 0;
	m->from = m->count = 0;
	m->read_pos = pos;
	if (!pos)
		return 0;
	err = fill(m, 1, pos);
	if (err)
		m->read_pos = 0;
	return err;
}

ssize_t seq_read(struct file *file, char __user *buf, size_t size, loff_t *ppos)
{
	struct seq_file *m = file->private_data;
	ssize_t copied = 0;
	bool filled = false;
	int err = 0;

	mutex_lock(&m->lock);
	if (*ppos != m->read_pos)
		err = seek(m, *ppos);
	while (!err && size) {
		size_t n;

		if (!m->count) {
			if (filled) /* one buffer for each call, after what was left over */
				break;
			filled = true;
			err = fill(m, size, 0);
			if (err || !m->count)
				break;
		}
		n = min(m->count, size);
		if (copy_to_user(buf, m->buf + m->from, n)) {
			err = -EFAULT;
			break;
		}
		m->from += n;
		m->count -= n;
		copied += n;
		buf += n;
		size -= n;
	}
	if (copied) {
		err = 0;
		*ppos += copied;
		m->read_pos = *ppos;
	}
	mutex_unlock(&m->lock);
	return err ? err : copied;
}

ssize_t seq_read_iter(struct kiocb *iocb, struct iov_iter *iter)
{
	struct seq_file *m = iocb->ki_filp->private_data;
	ssize_t done = 0;
	bool filled = false;
	int err = 0;

	mutex_lock(&m->lock);
	if (iocb->ki_pos != m->read_pos)
		err = seek(m, iocb->ki_pos);
	while (!err && iov_iter_count(iter)) {
		size_t n;

		if (!m->count) {
			if (filled)
				break;
			filled = true;
			err = fill(m, iov_iter_count(iter), 0);
			if (err || !m->count)
				break;
		}
		n = copy_to_iter(m->buf + m->from, m->count, iter);
		if (!n) {
			err = -EFAULT;
			break;
		}
		m->from += n;
		m->count -= n;
		done += n;
	}
	if (done) {
		err = 0;
		iocb->ki_pos += done;
		m->read_pos = iocb->ki_pos;
	}
	mutex_unlock(&m->lock);
	return err ? err : done;
}

loff_t seq_lseek(struct file *file, loff_t offset, int whence)
{
	struct seq_file *m = file->private_data;
	loff_t pos = -EINVAL;
	int err;

	mutex_lock(&m->lock);
	if (whence == SEEK_CUR)
		offset += file->f_pos;
	if ((whence == SEEK_SET || whence == SEEK_CUR) && offset >= 0) {
		pos = offset;
		if (offset != m->read_pos) {
			err = seek(m, offset);
			if (err)
				pos = err;
		}
		file->f_pos = pos < 0 ? 0 : pos;
	}
	mutex_unlock(&m->lock);
	return pos;
}

int seq_write(struct seq_file *seq, const void *data, size_t len)
{
	if (seq->count + len >= seq->size) {
		seq->count = seq->size;
		return -1;
	}
	memcpy(seq->buf + seq->count, data, len);
	seq->count += len;
	return 0;
}

void seq_vprintf(struct seq_file *m, const char *fmt, va_list args)
{
	int n;

	if (m->count >= m->size)
		return;
	n = vsnprintf(m->buf + m->count, m->size - m->count, fmt, args);
	m->count = n < m->size - m->count ? m->count + n : m->size;
}

void seq_printf(struct seq_file *m, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	seq_vprintf(m, fmt, args);
	va_end(args);
}

void seq_putc(struct seq_file *m, char c)
{
	seq_write(m, &c, 1);
}

void seq_puts(struct seq_file *m, const char *s)
{
	seq_write(m, s, strlen(s));
}

void seq_pad(struct seq_file *m, char c)
{
	while (m->count < m->pad_until && m->count < m->size)
		m->buf[m->count++] = ' ';
	if (c)
		seq_putc(m, c);
}

void seq_put_decimal_ull(struct seq_file *m, const char *delimiter, unsigned long long num)
{
	seq_printf(m, "%s%llu", delimiter ? delimiter : "", num);
}

void seq_put_decimal_ll(struct seq_file *m, const char *delimiter, long long num)
{
	seq_printf(m, "%s%lld", delimiter ? delimiter : "", num);
}

void seq_hex_dump(struct seq_file *m, const char *prefix_str, int prefix_type, int rowsize, int groupsize,
		  const void *buf, size_t len, bool ascii)
{
	char line[32 * 3 + 2 + 32 + 1];
	size_t i;

	if (rowsize != 16 && rowsize != 32)
		rowsize = 16;
	for (i = 0; i < len && !seq_has_overflowed(m); i += rowsize) {
		hex_dump_to_buffer(buf + i, min_t(size_t, len - i, rowsize), rowsize, groupsize, line, sizeof(line),
				   ascii);
		if (prefix_type == DUMP_PREFIX_ADDRESS)
			seq_printf(m, "%s%p: %s\n", prefix_str, buf + i, line);
		else if (prefix_type == DUMP_PREFIX_OFFSET)
			seq_printf(m, "%s%.8zx: %s\n", prefix_str, i, line);
		else
			seq_printf(m, "%s%s\n", prefix_str, line);
	}
}

static void *single_start(struct seq_file *m, loff_t *pos)
{
	return *pos ? NULL : SEQ_START_TOKEN;
}

static void *single_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return NULL;
}

static void single_stop(struct seq_file *m, void *v)
{
}

int single_open(struct file *file, int (*show)(struct seq_file *, void *), void *data)
{
	struct seq_operations *op = kmalloc(sizeof(*op), GFP_KERNEL);
	int err;

	if (!op)
		return -ENOMEM;
	*op = (struct seq_operations){ single_start, single_stop, single_next, show };
	err = seq_open(file, op);
	if (err)
		kfree(op);
	else
		((struct seq_file *)file->private_data)->private = data;
	return err;
}

int single_open_size(struct file *file, int (*show)(struct seq_file *, void *), void *data, size_t size)
{
	int err = single_open(file, show, data);

	if (!err && !enough(file->private_data, size)) {
		single_release(NULL, file);
		return -ENOMEM;
	}
	return err;
}

int single_release(struct inode *inode, struct file *file)
{
	const struct seq_operations *op = ((struct seq_file *)file->private_data)->op;
	int err = seq_release(inode, file);

	kfree(op);
	return err;
}

void *__seq_open_private(struct file *f, const struct seq_operations *ops, int psize)
{
	void *private = kzalloc(psize, GFP_KERNEL);

	if (!private)
		return NULL;
	if (seq_open(f, ops)) {
		kfree(private);
		return NULL;
	}
	((struct seq_file *)f->private_data)->private = private;
	return private;
}

int seq_open_private(struct file *f, const struct seq_operations *ops, int psize)
{
	return __seq_open_private(f, ops, psize) ? 0 : -ENOMEM;
}

int seq_release_private(struct inode *inode, struct file *file)
{
	kfree(((struct seq_file *)file->private_data)->private);
	return seq_release(inode, file);
}

struct list_head *seq_list_start(struct list_head *head, loff_t pos)
{
	struct list_head *node;

	list_for_each(node, head)
		if (pos-- == 0)
			return node;
	return NULL;
}

struct list_head *seq_list_start_head(struct list_head *head, loff_t pos)
{
	return pos ? seq_list_start(head, pos - 1) : head;
}

struct list_head *seq_list_next(void *v, struct list_head *head, loff_t *ppos)
{
	struct list_head *next = ((struct list_head *)v)->next;

	++*ppos;
	return next == head ? NULL : next;
}
