/* SPDX-License-Identifier: BSD-3-Clause */
/* control.h - the JSON documents behind onionctl's commands; fields are in onionctl(1) */
#ifndef FRONT_CONTROL_H
#define FRONT_CONTROL_H

#include <jansson.h>

#include "agent/front/front_internal.h"

#define CONTROL_TEXT_MAX 512

/* Each a new reference, or NULL without memory. */
json_t *control_status(struct front *f);
json_t *control_circuits(struct front *f);
json_t *control_streams(struct front *f);
json_t *control_answers(const struct stream_answer *answers, size_t n);

/* Onion services of ours, in brief (control_service.c). */
json_t *control_services(struct front *f);

/* --- control.c --- */
/* The last frame: an exit status and, unless it is 0, a sentence. */
void control_end(struct session *s, uint8_t status, const char *text);
/* Sends @doc in as many frames as it takes and ends; frees it. NULL: there was no memory. */
void control_reply(struct session *s, json_t *doc);

/* --- control_account.c: "account-begin DOMAIN", "account DOMAIN" --- */
void control_account_begin(struct front *f, struct session *s, char **args);
void control_account(struct front *f, struct session *s, char **args);

#endif
