/* SPDX-License-Identifier: BSD-3-Clause */
/* ctl_format.h - members of the agent's JSON, and numbers as people read them */
#ifndef CTL_FORMAT_H
#define CTL_FORMAT_H

#include <jansson.h>
#include <stdbool.h>

#define CTL_FORMAT_MAX 32

/* What is not there, or of another type, is "-", 0 and false. */
const char *ctl_text(const json_t *o, const char *key);
long long ctl_number(const json_t *o, const char *key);
bool ctl_truth(const json_t *o, const char *key);

/* Each fills @buf and returns it: "1,920", "1.9 MiB", "12 min", "2026-11-20 14:00". */
const char *ctl_grouped(long long v, char buf[CTL_FORMAT_MAX]);
const char *ctl_size(long long bytes, char buf[CTL_FORMAT_MAX]);
const char *ctl_span(long long s, char buf[CTL_FORMAT_MAX]);
const char *ctl_when(long long t, char buf[CTL_FORMAT_MAX]);

#endif
