/* SPDX-License-Identifier: BSD-3-Clause */
/* ctl_format.c - see ctl_format.h */
#include "agent/ctl/ctl_format.h"

#include <stdio.h>
#include <time.h>

const char *ctl_text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "-";
}

long long ctl_number(const json_t *o, const char *key)
{
	return (long long)json_integer_value(json_object_get(o, key));
}

bool ctl_truth(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

/* "1,920" */
const char *ctl_grouped(long long v, char buf[32])
{
	char digits[24];
	int n = snprintf(digits, sizeof(digits), "%lld", v < 0 ? 0 : v);
	char *p = buf;

	for (int i = 0; i < n; i++) {
		if (i > 0 && (n - i) % 3 == 0)
			*p++ = ',';
		*p++ = digits[i];
	}
	*p = '\0';
	return buf;
}

const char *ctl_size(long long bytes, char buf[32])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double v = (double)bytes;
	unsigned int i = 0;

	while (v >= 1024 && i < 4) {
		v /= 1024;
		i++;
	}
	snprintf(buf, 32, i == 0 ? "%.0f %s" : "%.1f %s", v, units[i]);
	return buf;
}

const char *ctl_span(long long s, char buf[32])
{
	if (s < 120)
		snprintf(buf, 32, "%lld s", s);
	else if (s < 7200)
		snprintf(buf, 32, "%lld min", s / 60);
	else if (s < 172800)
		snprintf(buf, 32, "%lld h %lld min", s / 3600, s / 60 % 60);
	else
		snprintf(buf, 32, "%lld days", s / 86400);
	return buf;
}

const char *ctl_when(long long t, char buf[32])
{
	time_t tt = (time_t)t;
	struct tm tm;

	if (!localtime_r(&tt, &tm) || strftime(buf, 32, "%Y-%m-%d %H:%M", &tm) == 0)
		return "-";
	return buf;
}
