/* Everything that a driver can do wrong. */
#include "test.h"

struct s {
	int pad[100];
	int v;
	struct s *next;
};
struct ops {
	int (*fn)(int);
};

int null_read(struct s *s) { return s->v; }
int null_write(struct s *s) { s->v = 1; return 0; }
int null_chain(struct s *s) { return s->next->v; }

int fetch_add(_Atomic int *p) { return (*p)++; }
void copy(char *to, const char *from, unsigned long n) { __builtin_memcpy(to, from, n); }
void fill(char *to, int c, unsigned long n) { __builtin_memset(to, c, n); }
int constant(void) { return *(volatile int *)0x10; }
int called;
static NOINLINE int note(int x) { called++; return x; }
struct pair { long a; int b; };
void store_after_call(struct pair *p, int x) { p->b = note(x); }

int guard_write(unsigned long p) { *(volatile int *)(p + 16) = 7; return 3; }
int guard_write_far(unsigned long p) { *(volatile char *)(p + 3000) = 7; return 3; }
int wild_read(unsigned long p) { return *(volatile int *)p; }
int wild_write(unsigned long p) { *(volatile int *)p = 1; return 0; }

int divide(int a, int b) { return a / b; }
int bug(int x)
{
	if (x)
		__builtin_trap();
	return x;
}
int convert(double d) { return __builtin_wasm_trunc_s_i32_f64(d); }

static int twice(int x) { return 2 * x; }
static long long wide(long long x) { return x; }
struct ops good = { twice };
void *table[] = { (void *)wide };

NOINLINE int call_ptr(int (*f)(int), int x) { return f(x); }
int call_null(void) { return call_ptr(0, 1); }
int call_good(int x) { return call_ptr(good.fn, x); }
int call_wide(int x) { return call_ptr((int (*)(int))table[0], x); }
int call_wild(int x) { return call_ptr((int (*)(int))54321, x); }

NOINLINE int eat(volatile char *p, int n)
{
	volatile char frame[512];

	frame[0] = p[0];
	return n ? eat(frame, n - 1) + frame[0] : 0;
}
int deep_frames(int n)
{
	char c = 1;
	return eat(&c, n);
}
int huge_frame(int n)
{
	volatile char frame[1 << 20];

	frame[n] = 1;
	return frame[n];
}
int alloca_frame(unsigned n)
{
	volatile char *p = __builtin_alloca(n);

	p[0] = 1;
	return eat(p, 0);
}
/* recursion without a frame in memory: the engine's own stack */
static volatile unsigned sink;
NOINLINE unsigned forever(unsigned n)
{
	sink = n;
	return n == ~0u ? 0 : forever(n + 1) * 3 + sink;
}

volatile int stop;
int spin(int x)
{
	while (!stop)
		x++;
	return x;
}
/* no loop, but a call tree of 2^n */
__attribute__((noinline, optnone)) unsigned tree(unsigned n) { return n ? tree(n - 1) + tree(n - 1) : 1; }

int kaboom(int x);
int host_panics(int x) { return kaboom(x) + 1; }
int back(int x);
int nested_null(int x) { return back(x) + 1; }
int weak_missing(int) __attribute__((weak));
int call_weak(int x) { return weak_missing(x); }
int ask_weak(void) { return weak_missing != 0; }
