/*
 * Readers sleep until writers wake them, in the middle of C, at various depths of
 * recursion, with live frames in memory around every sleep.
 */
#include "test.h"

#define SLOTS 8
static u64 ring[SLOTS];
static unsigned head, tail;
int corrupt, sleeps;

void wait_on(int queue); /* sleeps until wake(queue) */
void wake(int queue);
void yield(void);

static NOINLINE void put(volatile u32 *p, int n, u32 seed)
{
	for (int i = 0; i < n; i++)
		p[i] = seed * 2654435761u + i;
}
static NOINLINE int bad(volatile u32 *p, int n, u32 seed)
{
	for (int i = 0; i < n; i++)
		if (p[i] != seed * 2654435761u + i)
			return 1;
	return 0;
}
static NOINLINE int after(u32 seed)
{
	volatile u32 frame[100];

	put(frame, 100, seed ^ 0x55);
	yield();
	return bad(frame, 100, seed ^ 0x55);
}
static NOINLINE int do_read(int depth, char *buf, u32 seed)
{
	volatile u32 frame[48];
	int r = 8;
	u64 item;

	put(frame, 48, seed + depth);
	if (depth > 0) {
		r = do_read(depth - 1, buf, seed);
	} else {
		while (head == tail) {
			sleeps++;
			wait_on(0);
		}
		item = ring[tail++ % SLOTS];
		wake(1);
		if (_copy_to_user(buf, &item, 8))
			r = -14;
	}
	if (after(seed) || bad(frame, 48, seed + depth)) {
		corrupt++;
		r = -22;
	}
	return r;
}
static NOINLINE int do_write(int depth, const char *buf, u32 seed)
{
	volatile u32 frame[64];
	int r = 8;
	u64 item;

	put(frame, 64, seed ^ depth);
	if (depth > 0) {
		r = do_write(depth - 1, buf, seed);
	} else {
		if (_copy_from_user(&item, buf, 8))
			return -14;
		while (head - tail == SLOTS) {
			sleeps++;
			wait_on(1);
		}
		ring[head++ % SLOTS] = item;
		wake(0);
	}
	if (after(seed) || bad(frame, 64, seed ^ depth)) {
		corrupt++;
		r = -22;
	}
	return r;
}
int pipe_read(char *buf, u32 seed) { return do_read(seed % 7, buf, seed); }
int pipe_write(const char *buf, u32 seed) { return do_write(seed % 5, buf, seed); }

static int counter;
/* takes long enough to be preempted, in a loop that nothing else would end */
int grind(u32 n)
{
	volatile u32 frame[16];

	put(frame, 16, n);
	for (volatile u32 i = 0; i < n; i++)
		counter++;
	return bad(frame, 16, n);
}
int spin_until(volatile int *flag)
{
	int n = 0;

	while (!*flag)
		n++;
	return n;
}
int flag;
int set_flag(int v)
{
	flag = v;
	return 0;
}
