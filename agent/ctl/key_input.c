/* SPDX-License-Identifier: BSD-3-Clause */
/* key_input.c - see key_input.h */
#include "agent/ctl/key_input.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "agent/ctl/ask.h"

#define KEY_TEXT_MAX 256	/* a key takes 52 letters */

/* Asks on the terminal, if it is one; @old is to be restored. */
static bool ask_quietly(struct termios *old)
{
	struct termios quiet;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, old) < 0)
		return false;
	quiet = *old;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	fprintf(stderr, "Key: ");
	return tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0;
}

int key_input_append(char *line, size_t cap)
{
	char text[KEY_TEXT_MAX];
	struct termios old;
	bool quiet = ask_quietly(&old);
	char *got = fgets(text, sizeof(text), stdin);
	size_t used = strlen(line);
	int n = -1;

	if (quiet) {
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
		fprintf(stderr, "\n");
	}
	if (got) {
		text[strcspn(text, "\r\n")] = '\0';
		if (text[0] && !strpbrk(text, " \t"))
			n = snprintf(line + used, cap - used, " %s", text);
	}
	explicit_bzero(text, sizeof(text));
	if (n > 0 && (size_t)n < cap - used)
		return 0;
	fprintf(stderr, "onionctl: no key was given\n");
	return ASK_USAGE;
}
