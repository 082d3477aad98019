#include <linux/module.h>
#include <linux/netdevice.h>
