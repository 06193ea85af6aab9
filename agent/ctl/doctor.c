/* SPDX-License-Identifier: BSD-3-Clause */
/* doctor.c - see doctor.h; here the findings are kept and shown */
#include "agent/ctl/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/ctl/ask.h"
#include "agent/ctl/ctl_format.h"

static const char *const verdicts[] = { "ok", "warning", "bad", "skipped" };
_Static_assert(sizeof(verdicts) / sizeof(verdicts[0]) == DOCTOR_SKIPPED + 1, "verdicts");

void doctor_note(json_t *findings, const char *name, enum doctor_verdict verdict, const char *mend,
		 const char *fmt, ...)
{
	char detail[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	/* What programs wrote may be anything. */
	for (char *p = detail; *p; p++) {
		if ((unsigned char)*p < ' ' || (unsigned char)*p >= 0x7f)
			*p = '?';
	}
	json_array_append_new(findings, json_pack("{s:s,s:s,s:s,s:s?}", "check", name, "verdict",
						  verdicts[verdict], "detail", detail, "mend", mend));
}

static bool is_verdict(const json_t *finding, enum doctor_verdict v)
{
	return strcmp(ctl_text(finding, "verdict"), verdicts[v]) == 0;
}

static void show(const json_t *findings)
{
	const json_t *f;
	size_t i;

	json_array_foreach(findings, i, f) {
		const char *mend = json_string_value(json_object_get(f, "mend"));

		printf("%-8s %-13s %s\n", ctl_text(f, "verdict"), ctl_text(f, "check"),
		       ctl_text(f, "detail"));
		if (mend)
			printf("%-8s %-13s -> %s\n", "", "", mend);
	}
}

int doctor_run(bool json, int timeout_s)
{
	json_t *findings = json_array();
	json_t *doc;
	const json_t *f;
	size_t i;
	bool ok = true;

	doctor_check_local(findings);
	doctor_check_agent(findings, timeout_s);
	json_array_foreach(findings, i, f)
		ok = ok && !is_verdict(f, DOCTOR_BAD) && !is_verdict(f, DOCTOR_SKIPPED);
	if (json) {
		doc = json_pack("{s:b,s:O}", "ok", (int)ok, "checks", findings);
		(void)json_dumpf(doc, stdout, JSON_COMPACT);
		printf("\n");
		json_decref(doc);
	} else {
		show(findings);
	}
	json_decref(findings);
	return fflush(stdout) == 0 && ok ? 0 : ASK_FAILED;
}
