/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * attach_early.c - bytes that travel with BEGIN (tor proposal 174)
 *
 * A program that is told at once that it is connected sends its first bytes at once,
 * and they leave right behind BEGIN: one round trip is saved. They are kept until
 * CONNECTED, at most ATTACH_EARLY_MAX of them, so that they can be sent again when
 * the exit says that it could not connect. More is not read from the program
 * before CONNECTED. When no answer came at all nobody knows whether they
 * arrived. Then they are sent again only where that can have no effect: the owner
 * said so, or they are an opening that is. (C tor repeats whatever it has.)
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/front/attach_internal.h"
#include "agent/front/opening.h"
#include "common/secret.h"

size_t attach_early_room(const struct attach *a)
{
	if (!a->optimistic || a->early_sent < a->early_len)
		return 0;
	return ATTACH_EARLY_MAX - a->early_len;
}

int attach_early_send(struct attach *a, const uint8_t *data, size_t len)
{
	int r;

	if (len > attach_early_room(a))
		return -EMSGSIZE;
	if (!a->early)
		a->early = malloc(ATTACH_EARLY_MAX);
	if (!a->early)
		return -ENOMEM;
	r = stream_send(a->stream, data, len);
	if (r < 0)
		return r;
	memcpy(a->early + a->early_len, data, len);
	a->early_len += len;
	a->early_sent = a->early_len;
	return 0;
}

int attach_early_replay(struct attach *a)
{
	size_t left = a->early_len - a->early_sent;
	size_t room;
	int r;

	if (!a->stream || left == 0)
		return 0;
	room = stream_room(a->stream);
	if (left > room)
		left = room;
	r = left > 0 ? stream_send(a->stream, a->early + a->early_sent, left) : 0;
	if (r == 0)
		a->early_sent += left;
	return r;
}

bool attach_early_may_repeat(const struct attach *a)
{
	return a->early_len == 0 || a->repeatable || opening_is_harmless(a->early, a->early_len);
}

void attach_early_free(struct attach *a)
{
	if (!a->early)
		return;
	secret_wipe(a->early, a->early_len);
	free(a->early);
	a->early = NULL;
	a->early_len = 0;
	a->early_sent = 0;
}
