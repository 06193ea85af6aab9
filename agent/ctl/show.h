/* SPDX-License-Identifier: BSD-3-Clause */
/* show.h - plain text for people from the agent's JSON */
#ifndef CTL_SHOW_H
#define CTL_SHOW_H

#include <jansson.h>
#include <stdio.h>

/* Each prints one document; what is missing in it is left out. */
void show_status(FILE *out, const json_t *doc);
void show_circuits(FILE *out, const json_t *doc);
void show_streams(FILE *out, const json_t *doc);
void show_answers(FILE *out, const json_t *doc);
/* Addresses of the services that there are keys for. */
void show_onion_auth(FILE *out, const json_t *doc);
void show_services(FILE *out, const json_t *doc);
void show_ok(FILE *out, const json_t *doc);
void show_level(FILE *out, const json_t *doc);

#endif
