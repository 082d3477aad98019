/* SPDX-License-Identifier: Apache-2.0 */
/* Rings of elements: Linux's lib/kfifo.c by contract. All sizes are in elements. */
#include "lib.h"
#include <linux/kfifo.h>

int __kfifo_init(struct __kfifo *fifo, void *buffer, unsigned int size, size_t esize)
{
	size /= esize;
	if (size)
		size = rounddown_pow_of_two(size);
	fifo->in = fifo->out = 0;
	fifo->esize = esize;
	fifo->data = buffer;
	fifo->mask = size < 2 ? 0 : size - 1;
	return size < 2 ? -EINVAL : 0;
}

int __kfifo_alloc(struct __kfifo *fifo, unsigned int size, size_t esize, gfp_t gfp_mask)
{
	void *data;

	size = roundup_pow_of_two(size);
	data = size < 2 ? NULL : kmalloc_array(esize, size, gfp_mask);
	__kfifo_init(fifo, data, data ? size * esize : 0, esize);
	if (size < 2)
		return -EINVAL;
	return data ? 0 : -ENOMEM;
}

void __kfifo_free(struct __kfifo *fifo)
{
	kfree(fifo->data);
	*fifo = (struct __kfifo){ .data = NULL };
}

static unsigned int used(const struct __kfifo *fifo)
{
	return fifo->in - fifo->out;
}

static unsigned int room(const struct __kfifo *fifo)
{
	return fifo->data ? fifo->mask + 1 - used(fifo) : 0;
}

/* The run of elements from position pos on that lies in one piece. */
static void *run(const struct __kfifo *fifo, unsigned int pos, unsigned int *len)
{
	unsigned int at = pos & fifo->mask;

	*len = min(*len, fifo->mask + 1 - at);
	return (char *)fifo->data + at * fifo->esize;
}

unsigned int __kfifo_in(struct __kfifo *fifo, const void *buf, unsigned int len)
{
	unsigned int done, n;

	len = min(len, room(fifo));
	for (done = 0; done < len; done += n) {
		void *to;

		n = len - done;
		to = run(fifo, fifo->in + done, &n);
		memcpy(to, buf + done * fifo->esize, n * fifo->esize);
	}
	fifo->in += len;
	return len;
}

unsigned int __kfifo_out_peek(struct __kfifo *fifo, void *buf, unsigned int len)
{
	unsigned int done, n;

	len = min(len, used(fifo));
	for (done = 0; done < len; done += n) {
		void *from;

		n = len - done;
		from = run(fifo, fifo->out + done, &n);
		memcpy(buf + done * fifo->esize, from, n * fifo->esize);
	}
	return len;
}

unsigned int __kfifo_out(struct __kfifo *fifo, void *buf, unsigned int len)
{
	len = __kfifo_out_peek(fifo, buf, len);
	fifo->out += len;
	return len;
}

/* Lengths here are in bytes; *copied is too. */
int __kfifo_from_user(struct __kfifo *fifo, const void __user *from, unsigned long len, unsigned int *copied)
{
	unsigned int total = min_t(unsigned long, len / fifo->esize, room(fifo)), done, n;
	int err = 0;

	for (done = 0; done < total; done += n) {
		void *to;

		n = total - done;
		to = run(fifo, fifo->in, &n);
		if (copy_from_user(to, from + done * fifo->esize, n * fifo->esize)) {
			err = -EFAULT;
			break;
		}
		fifo->in += n;
	}
	*copied = done * fifo->esize;
	return err;
}

int __kfifo_to_user(struct __kfifo *fifo, void __user *to, unsigned long len, unsigned int *copied)
{
	unsigned int total = min_t(unsigned long, len / fifo->esize, used(fifo)), done, n;
	int err = 0;

	for (done = 0; done < total; done += n) {
		void *from;

		n = total - done;
		from = run(fifo, fifo->out, &n);
		if (copy_to_user(to + done * fifo->esize, from, n * fifo->esize)) {
			err = -EFAULT;
			break;
		}
		fifo->out += n;
	}
	*copied = done * fifo->esize;
	return err;
}
