#include "test.h"

int shared = 7;
int table[3] = { 1, 2, 3 };
EXPORT(shared);
int add(int a, int b) { return a + b; }
EXPORT(add);
static int (*callback)(int);
int set_callback(int (*f)(int))
{
	callback = f;
	return 0;
}
EXPORT(set_callback);
int run(int x) { return callback ? callback(x) : -1; }
EXPORT(run);
int bounce(int x);
int boom(int *p) { return *p; }
EXPORT(boom);
