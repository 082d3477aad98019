/* Declares functions of provider.c otherwise than they are, as old code does. */
long add(int a, long b, int c);      /* int add(int, int) */
int set_callback(void);              /* takes a pointer */
long run(void);                      /* takes an int */
long call_add(int a, long b) { return add(a, b, 99); }
int call_set(void) { return set_callback(); }
long call_run(void) { return run(); }
