/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_UTSNAME_H
#define _LINUX_UTSNAME_H

#define __NEW_UTS_LEN 64
struct new_utsname {
	char sysname[65];
	char nodename[65];
	char release[65];
	char version[65];
	char machine[65];
	char domainname[65];
};
struct uts_namespace {
	struct new_utsname name;
};
extern struct uts_namespace init_uts_ns;
#define utsname() (&init_uts_ns.name)
#define init_utsname() (&init_uts_ns.name)

#endif /* _LINUX_UTSNAME_H */
