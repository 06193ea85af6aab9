/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ipc.h - messages between programs (shim, onionify-run, onionctl) and the agent
 *
 * The byte format is in PROTOCOL.md beside this file. Encoders write a whole
 * frame and return its length; decoders take one frame's body. Nothing here
 * allocates, logs or does I/O, so the shim links it.
 */
#ifndef COMMON_IPC_H
#define COMMON_IPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/addr.h"
#include "common/wire.h"

#define IPC_VERSION 1
#define IPC_HEADER_LEN 4	/* version, type, body length */
#define IPC_REQUEST_MAX 1024	/* body of any request */
#define IPC_BODY_MAX 65535
#define IPC_DOMAIN_MAX 64	/* isolation domain token */
#define IPC_NAME_MAX 255	/* host name, without the final dot */
#define IPC_PROGRAM_MAX 32
#define IPC_NAME_AGENT "agent.onionify.internal"	/* RESOLVE: where the agent's own ports are */
#define IPC_RESULT_LEN (IPC_HEADER_LEN + 4)

enum ipc_type {
	/* requests */
	IPC_OPEN = 0x01,	/* a stream; the connection becomes it */
	IPC_QUERY = 0x02,	/* what became of stream HANDLE */
	IPC_RESOLVE = 0x03,	/* name -> virtual addresses */
	IPC_REVERSE = 0x04,	/* address -> name */
	IPC_WAIT = 0x05,	/* progress until the agent can carry streams */
	IPC_CONTROL = 0x06,	/* an onionctl command */
	IPC_LEASE = 0x07,	/* the domain ends with this connection; no reply */
	/* replies */
	IPC_RESULT = 0x81,	/* to OPEN: an errno, 0 = bytes follow */
	IPC_INFO = 0x82,	/* to QUERY */
	IPC_ADDRESSES = 0x83,	/* to RESOLVE */
	IPC_NAME = 0x84,	/* to REVERSE */
	IPC_PROGRESS = 0x85,	/* to WAIT, repeatedly; the last has percent 100 or an error */
	IPC_DATA = 0x86,	/* to CONTROL: JSON text, repeatedly */
	IPC_END = 0x87,		/* to CONTROL: exit status and a message */
};

enum ipc_open_flag {
	/*
	 * The sender's connect() is non-blocking: after this frame come filler bytes
	 * that keep its socket unwritable; a descriptor of its own end rides along.
	 */
	IPC_OPEN_HELD = 1 << 0,
	/* Answer at once and send the first bytes with BEGIN (a refusal becomes a reset). */
	IPC_OPEN_OPTIMISTIC = 1 << 1,
};

enum ipc_stream_state {
	IPC_STREAM_UNKNOWN = 0,
	IPC_STREAM_PENDING = 1,
	IPC_STREAM_OPEN = 2,
	IPC_STREAM_FAILED = 3,
};

/* Outcome of RESOLVE and REVERSE. */
enum ipc_lookup {
	IPC_LOOKUP_OK = 0,
	IPC_LOOKUP_NONAME = 1,		/* no such name */
	IPC_LOOKUP_NODATA = 2,		/* the name has no address of that family */
	IPC_LOOKUP_AGAIN = 3,		/* temporary failure */
	IPC_LOOKUP_FAIL = 4,		/* refused */
};

/* Counted strings are borrowed from the frame, without NUL. */
struct ipc_str {
	const char *s;
	size_t len;
};

struct ipc_open {
	uint8_t flags;
	uint64_t handle;	/* random, chosen by the sender */
	uint8_t app_family;	/* ADDR_V4 or ADDR_V6: the program's socket */
	uint32_t pid;
	struct addr_port dest;	/* family ADDR_NONE when @name is used */
	struct ipc_str name;	/* host name, else len 0; the port is in @dest */
	struct ipc_str domain;
	struct ipc_str program;
};

struct ipc_query {
	uint64_t handle;
};

struct ipc_info {
	uint8_t state;		/* enum ipc_stream_state */
	uint32_t error;		/* errno of a failed stream */
	struct addr_port peer;	/* as the program gave it to connect() */
	struct addr_port local;	/* what getsockname() answers */
};

struct ipc_resolve {
	struct ipc_str domain;
	struct ipc_str name;
};

struct ipc_addresses {
	uint8_t lookup;		/* enum ipc_lookup */
	struct addr v4;		/* ADDR_NONE when absent */
	struct addr v6;
};

struct ipc_reverse {
	struct ipc_str domain;
	struct addr addr;
};

struct ipc_name {
	uint8_t lookup;
	struct ipc_str name;
};

struct ipc_progress {
	uint8_t percent;	/* 100: streams can be carried */
	uint8_t failed;		/* the agent has given up; @text says why */
	uint32_t done;		/* of @total, e.g. relay descriptors; both 0 when it does not count */
	uint32_t total;
	struct ipc_str text;	/* "loading relay descriptors" */
};

struct ipc_end {
	uint8_t status;		/* exit status for onionctl */
	struct ipc_str text;	/* error message, may be empty */
};

/* Header of a frame. @ret_body_len is checked against @max_body. 0, -EPROTO, -EMSGSIZE. */
int ipc_header_decode(const uint8_t head[IPC_HEADER_LEN], size_t max_body,
		      uint8_t *ret_type, size_t *ret_body_len);

/* Each writes a whole frame into @buf; its length, or -ENOSPC / -EINVAL. */
ssize_t ipc_open_encode(uint8_t *buf, size_t cap, const struct ipc_open *m);
ssize_t ipc_query_encode(uint8_t *buf, size_t cap, const struct ipc_query *m);
ssize_t ipc_resolve_encode(uint8_t *buf, size_t cap, const struct ipc_resolve *m);
ssize_t ipc_reverse_encode(uint8_t *buf, size_t cap, const struct ipc_reverse *m);
ssize_t ipc_wait_encode(uint8_t *buf, size_t cap);
ssize_t ipc_control_encode(uint8_t *buf, size_t cap, struct ipc_str command);
ssize_t ipc_lease_encode(uint8_t *buf, size_t cap, struct ipc_str domain);
ssize_t ipc_result_encode(uint8_t *buf, size_t cap, uint32_t error);
ssize_t ipc_info_encode(uint8_t *buf, size_t cap, const struct ipc_info *m);
ssize_t ipc_addresses_encode(uint8_t *buf, size_t cap, const struct ipc_addresses *m);
ssize_t ipc_name_encode(uint8_t *buf, size_t cap, const struct ipc_name *m);
ssize_t ipc_progress_encode(uint8_t *buf, size_t cap, const struct ipc_progress *m);
ssize_t ipc_data_encode(uint8_t *buf, size_t cap, struct ipc_str text);
ssize_t ipc_end_encode(uint8_t *buf, size_t cap, const struct ipc_end *m);

/* Each reads one body, all of it. 0 or -EPROTO. Strings point into @body. */
int ipc_open_decode(const uint8_t *body, size_t len, struct ipc_open *ret);
int ipc_query_decode(const uint8_t *body, size_t len, struct ipc_query *ret);
int ipc_resolve_decode(const uint8_t *body, size_t len, struct ipc_resolve *ret);
int ipc_reverse_decode(const uint8_t *body, size_t len, struct ipc_reverse *ret);
int ipc_control_decode(const uint8_t *body, size_t len, struct ipc_str *ret);
int ipc_lease_decode(const uint8_t *body, size_t len, struct ipc_str *ret_domain);
int ipc_result_decode(const uint8_t *body, size_t len, uint32_t *ret_error);
int ipc_info_decode(const uint8_t *body, size_t len, struct ipc_info *ret);
int ipc_addresses_decode(const uint8_t *body, size_t len, struct ipc_addresses *ret);
int ipc_name_decode(const uint8_t *body, size_t len, struct ipc_name *ret);
int ipc_progress_decode(const uint8_t *body, size_t len, struct ipc_progress *ret);
int ipc_data_decode(const uint8_t *body, size_t len, struct ipc_str *ret);
int ipc_end_decode(const uint8_t *body, size_t len, struct ipc_end *ret);

/*
 * The stand-in socket's own name. The program's end is bound to an abstract Unix
 * address that carries the stream's handle and the family of the socket it
 * replaced, so that any process that holds the descriptor (after dup, fork,
 * exec or descriptor passing) can tell what it is and ask the agent about it.
 */
#define IPC_STAND_IN_NAME_LEN 28
/* Writes sun_path (leading NUL included), IPC_STAND_IN_NAME_LEN bytes. */
void ipc_stand_in_name(char out[IPC_STAND_IN_NAME_LEN], uint64_t handle, uint8_t app_family);
/* True and the parts when sun_path (@len bytes) is such a name. */
bool ipc_stand_in_parse(const char *path, size_t len, uint64_t *ret_handle, uint8_t *ret_family);

#endif
