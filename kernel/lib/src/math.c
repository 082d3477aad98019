/* SPDX-License-Identifier: Apache-2.0 */
/* Whole-number arithmetic and the calendar. */
#include "lib.h"
#include <linux/time.h>

u64 int_pow(u64 base, unsigned int exp)
{
	u64 result = 1;

	for (; exp; exp >>= 1, base *= base)
		if (exp & 1)
			result *= base;
	return result;
}

unsigned long int_sqrt(unsigned long x)
{
	return int_sqrt64(x);
}

unsigned long gcd(unsigned long a, unsigned long b)
{
	while (b) {
		unsigned long rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

unsigned long lcm(unsigned long a, unsigned long b)
{
	return a && b ? (a / gcd(a, b)) * b : 0;
}

/* Days since 1970-01-01 of the proleptic Gregorian calendar, counting years from March. */
static s64 days_from_civil(s64 year, unsigned int month, unsigned int day)
{
	s64 era;
	unsigned int yoe, doy;

	year -= month <= 2;
	era = (year >= 0 ? year : year - 399) / 400;
	yoe = year - era * 400;
	doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

time64_t mktime64(const unsigned int year, const unsigned int mon, const unsigned int day, const unsigned int hour,
		  const unsigned int min, const unsigned int sec)
{
	return ((days_from_civil(year, mon, day) * 24 + hour) * 60 + min) * 60 + sec;
}

void time64_to_tm(time64_t totalsecs, int offset, struct tm *result)
{
	s64 secs = totalsecs + offset, days = secs / 86400, year;
	int rem = secs % 86400, month;

	if (rem < 0) {
		rem += 86400;
		days--;
	}
	result->tm_hour = rem / 3600;
	result->tm_min = rem / 60 % 60;
	result->tm_sec = rem % 60;
	result->tm_wday = (int)((days % 7 + 11) % 7);
	year = 1970 + days / 366 - (days < 0);
	while (days_from_civil(year + 1, 1, 1) <= days)
		year++;
	for (month = 12; days_from_civil(year, month, 1) > days; month--)
		;
	result->tm_year = (long)(year - 1900);
	result->tm_mon = month - 1;
	result->tm_mday = (int)(days - days_from_civil(year, month, 1)) + 1;
	result->tm_yday = (int)(days - days_from_civil(year, 1, 1));
}
