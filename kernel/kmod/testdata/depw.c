struct kernel_symbol { void *value; const char *name; const char *ns; };
#define INFO(n, s) static const char info_##n[] __attribute__((used, section(".modinfo"))) = s;
INFO(lic, "license=GPL")
INFO(al, "alias=char-major-42-*")
INFO(pt, "parmtype=count:int")
INFO(pm, "parm=count:how many")
INFO(nm, "name=depw")
INFO(dp, "depends=depa")
INFO(vm, "vermagic=6.1.0-kobench SMP preempt mod_unload wasm64 ")
int depa_add(int, int);
int maybe(void) __attribute__((weak));
int depw_twice(int x) { return depa_add(x, x) + (maybe ? maybe() : 0); }
int depw_gpl(int x) { return x; }
static const char s1[] __attribute__((used, section("__ksymtab_strings"))) = "depw_twice";
static const struct kernel_symbol k1 __attribute__((used, section("___ksymtab+depw_twice"))) = { (void *)depw_twice, s1, s1 + 10 };
static const struct kernel_symbol k2 __attribute__((used, section("___ksymtab_gpl+depw_gpl"))) = { (void *)depw_gpl, s1, s1 + 10 };
int init_module(void) { return depw_twice(2) == 4 ? 0 : -1; }
