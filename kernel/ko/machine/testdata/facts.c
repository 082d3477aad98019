/* Which checks of addresses the linker leaves out; object/facts_test.go counts those that stay. */
#include "test.h"

struct s {
	volatile int a, b, c;
	struct s *volatile next;
};
static struct s one, many[16];
static struct s *volatile kept;

int same_base(struct s *p) { return p->a + p->b + p->c; }
int chain(struct s *p) { return p->next->a + p->next->b; }
int in_loop(struct s *p, int n)
{
	p->a = 0;
	for (int i = 0; i < n; i++)
		p->b += i;
	return p->c;
}
int walk(struct s *p)
{
	int n = 0;

	for (; p; p = p->next)
		n += p->a;
	return n;
}
int both_ways(struct s *p, int x)
{
	if (x)
		p->a = 1;
	else
		p->b = 2;
	return p->c;
}
int one_way(struct s *p, int x)
{
	if (x)
		p->a = 1;
	return p->c;
}
int over_call(struct s *p)
{
	p->a = 1;
	printk("");
	return p->b;
}
int symbols(void) { one.a = many[3].b; return one.c; }
int frame(void)
{
	struct s f;

	f.a = 1;
	f.b = f.a;
	kept = &f;
	return f.c;
}
int indexed(int i) { return many[i].a + many[i].b; }
int copied(struct s *p)
{
	struct s *q = p + 1;

	q->a = 1;
	kept = q;
	return p->a + q->b;
}
NOINLINE int after(int x) { return x; }
/* a long beside an address, with a call between */
struct wide { long v, w; };
void late(struct wide *p, long x) { p->w = x + after((int)x); }
long wide_sum(struct wide *p) { late(p, 1L << 40); return p->v + p->w; }
