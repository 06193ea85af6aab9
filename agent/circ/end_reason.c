/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * end_reason.c - why a stream ended: names, errno values, worth another try or not
 *
 * tor-spec 6.3 "Closing streams". What a program gets to see is the errno that a
 * direct TCP connection would have shown in the same situation.
 */
#include <errno.h>
#include <stddef.h>

#include "agent/circ/stream.h"

static const struct reason_info {
	uint16_t reason;
	int error;
	bool retriable;	/* on another circuit, as C tor decides */
	const char *name;
} reasons[] = {
	/* A refused port is reported as MISC by current exits, so it reads as refused. */
	{ END_MISC, ECONNREFUSED, true, "MISC" },
	{ END_RESOLVEFAILED, EHOSTUNREACH, true, "RESOLVEFAILED" },
	{ END_CONNECTREFUSED, ECONNREFUSED, false, "CONNECTREFUSED" },
	{ END_EXITPOLICY, ECONNREFUSED, true, "EXITPOLICY" },
	{ END_DESTROY, ECONNRESET, false, "DESTROY" },
	{ END_DONE, ECONNRESET, false, "DONE" },
	{ END_TIMEOUT, ETIMEDOUT, false, "TIMEOUT" },
	{ END_NOROUTE, EHOSTUNREACH, true, "NOROUTE" },
	{ END_HIBERNATING, ECONNREFUSED, true, "HIBERNATING" },
	{ END_INTERNAL, EHOSTUNREACH, false, "INTERNAL" },
	{ END_RESOURCELIMIT, ECONNREFUSED, true, "RESOURCELIMIT" },
	{ END_CONNRESET, ECONNRESET, false, "CONNRESET" },
	{ END_TORPROTOCOL, ECONNRESET, false, "TORPROTOCOL" },
	{ END_NOTDIRECTORY, ECONNREFUSED, false, "NOTDIRECTORY" },
	/* The stream never began or its circuit broke: another circuit may serve. */
	{ END_CIRCUIT_LOST, ECONNRESET, true, "CIRCUIT_LOST" },
	{ END_REPLY_TIMEOUT, ETIMEDOUT, true, "REPLY_TIMEOUT" },
};

static const struct reason_info *find(uint16_t reason)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].reason == reason)
			return &reasons[i];
	}
	return NULL;
}

const char *end_reason_str(uint16_t reason)
{
	const struct reason_info *r = find(reason);

	return r ? r->name : "UNKNOWN";
}

int end_reason_errno(uint16_t reason)
{
	const struct reason_info *r = find(reason);

	return r ? r->error : ECONNRESET;
}

bool end_reason_is_retriable(uint16_t reason)
{
	const struct reason_info *r = find(reason);

	return r && r->retriable;
}
