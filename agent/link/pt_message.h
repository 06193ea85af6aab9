/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pt_message.h - one line that a pluggable transport's proxy writes (pt-spec 3.3)
 *
 * Lines with keywords that are not known must be ignored; a known keyword with
 * arguments that cannot be is an error of the proxy's.
 */
#ifndef LINK_PT_MESSAGE_H
#define LINK_PT_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "agent/link/bridge_line.h"

#define PT_LINE_MAX 4096
#define PT_TEXT_MAX 256

enum pt_message_kind {
	PT_UNKNOWN,
	PT_VERSION,		/* version 1 */
	PT_VERSION_ERROR,	/* @text */
	PT_ENV_ERROR,		/* @text */
	PT_PROXY_DONE,
	PT_PROXY_ERROR,		/* @text */
	PT_CMETHOD,		/* @transport, @socks_version, @addr */
	PT_CMETHOD_ERROR,	/* @transport, @text */
	PT_CMETHODS_DONE,
	PT_LOG,			/* @severity, @text */
	PT_STATUS,		/* @transport (may be empty), @text: the rest as it is */
};

enum pt_severity {
	PT_DEBUG,
	PT_INFO,
	PT_NOTICE,
	PT_WARNING,
	PT_ERROR,
};

struct pt_message {
	enum pt_message_kind kind;
	char transport[TRANSPORT_NAME_MAX + 1];
	unsigned int socks_version;
	struct addr_port addr;
	enum pt_severity severity;
	char text[PT_TEXT_MAX];	/* printable characters alone; cut where too long */
};

/* @line without its newline. 0, or -EINVAL. */
int pt_message_parse(const char *line, size_t len, struct pt_message *ret);

#endif
