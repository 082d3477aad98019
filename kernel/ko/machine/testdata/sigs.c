/* Signatures that the core has no trampolines for. */
#include "test.h"

long long llseek(void *f, loff_t off, int whence) { return off * 2 + whence; }
double scale(double d, float f) { return d * f; }
float half(float f) { return f / 2; }
long long many(int a, long long b, int c, double d, int e, int f, int g) { return a + b + c + (long long)d + e + f + g; }
long long (*pmany)(int, long long, int, double, int, int, int) = many;
long long call_many(int a, long long b) { return pmany(a, b, 1, 2.5, 3, 4, 5); }
static int nothing_calls;
void nothing(void) { nothing_calls++; }
int count(void) { return nothing_calls; }
int (*take)(const char *, ...) = printk; /* the address of a host function */
int via(const char *s) { return take("via pointer\n"); }
void *addr(void) { return (void *)printk; }
