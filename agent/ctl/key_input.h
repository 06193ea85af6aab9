/* SPDX-License-Identifier: BSD-3-Clause */
/* key_input.h - a key from standard input, not shown when that is a terminal */
#ifndef CTL_KEY_INPUT_H
#define CTL_KEY_INPUT_H

#include <stddef.h>

/* Appends " KEY" to @line. 0, or an exit status after a message. */
int key_input_append(char *line, size_t cap);

#endif
