#include "test.h"

extern int shared, table[3];
int add(int a, int b);
int set_callback(int (*f)(int));
int run(int x);
int boom(int *p);
static int cb(int x) { return add(x, shared) + table[2]; }
int register_cb(void) { return set_callback(cb); }
int bump(void) { return ++shared; }
int (*padd)(int, int) = add;
int *pshared = &shared, *ptab = &table[1];
int through(int x) { return padd(x, *pshared) + *ptab; }
int same(int (*f)(int, int)) { return f == padd; }
int crash(void) { return boom(0); }
int (*nap_p)(int);
int nap(int x);
int sleepy(int x) { return nap(x) + 1; }
static int sleepy_cb(int x) { return nap(x) + 100; }
int register_sleepy(void) { return set_callback(sleepy_cb); }
