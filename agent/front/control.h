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

#endif
