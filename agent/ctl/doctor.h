/* SPDX-License-Identifier: BSD-3-Clause */
/* doctor.h - onionctl doctor: what is wrong, and the command that mends it */
#ifndef CTL_DOCTOR_H
#define CTL_DOCTOR_H

#include <jansson.h>
#include <stdbool.h>

/* Prints all findings, as text or one JSON document. 0, or ASK_FAILED when something is bad. */
int doctor_run(bool json, int timeout_s);

/* --- between doctor.c and its checks --- */
enum doctor_verdict {
	DOCTOR_OK,
	DOCTOR_WARN,	/* works, with less than it could */
	DOCTOR_BAD,
	DOCTOR_SKIPPED,	/* something before it failed */
};

/* Adds a finding; @mend NULL: nothing to do. */
__attribute__((format(printf, 5, 6))) void doctor_note(json_t *findings, const char *name,
						       enum doctor_verdict verdict,
						       const char *mend, const char *fmt, ...);

/* doctor_local.c: files, loader, kernel, configuration. */
void doctor_check_local(json_t *findings);
/* doctor_agent.c: agent, clock, directory, guards, a circuit. */
void doctor_check_agent(json_t *findings, int timeout_s);

#endif
