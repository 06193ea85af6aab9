/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * handshake_ext.c - what client and relay negotiate inside ntor-v3
 *
 * A message is a count and that many (type, length, body): prop332 "circuit
 * extension", prop324 10.3 (congestion control), prop346 and prop359 (relay
 * crypto). The client lists them by ascending type, as its peers do.
 */
#include <errno.h>

#include "agent/circ/handshake_parts.h"

#define EXT_CC_REQUEST 1
#define EXT_CC_RESPONSE 2
#define EXT_SUBPROTO 3
/* (protocol, capability) pairs of the subproto extension; Relay=6 is CGO. */
#define PROTO_RELAY 2
#define RELAY_CAP_NUMBER_CGO 6

struct extension {
	uint8_t type;
	struct wire_reader body;
};

/* Walks the list; false at its end or when it is malformed. */
static bool next_extension(struct wire_reader *r, unsigned int *n_left, struct extension *ret)
{
	uint8_t len;

	if (*n_left == 0)
		return false;
	(*n_left)--;
	ret->type = wire_get_u8(r);
	len = wire_get_u8(r);
	ret->body = wire_get_sub(r, len);
	return wire_ok(r);
}

void handshake_ext_request_encode(const struct handshake_request *request, struct wire_writer *out)
{
	wire_put_u8(out, (uint8_t)(request->cc + request->cgo));
	if (request->cc) {
		wire_put_u8(out, EXT_CC_REQUEST);
		wire_put_u8(out, 0);
	}
	if (request->cgo) {
		wire_put_u8(out, EXT_SUBPROTO);
		wire_put_u8(out, 2);
		wire_put_u8(out, PROTO_RELAY);
		wire_put_u8(out, RELAY_CAP_NUMBER_CGO);
	}
}

/*
 * Every pair asked for must be one that we have, else the client would build on what is
 * not there (prop346); we have one, so the list has one.
 */
static int parse_subproto(struct wire_reader *body, struct handshake_request *r)
{
	if (r->cgo || wire_get_u8(body) != PROTO_RELAY ||
	    wire_get_u8(body) != RELAY_CAP_NUMBER_CGO || !wire_done(body))
		return -EBADMSG;
	r->cgo = true;
	return 0;
}

int handshake_ext_request_parse(const uint8_t *msg, size_t len, struct handshake_request *ret)
{
	struct handshake_request req = { false, false };
	struct wire_reader r;
	struct extension e;
	unsigned int n_left;

	wire_reader_init(&r, msg, len);
	n_left = wire_get_u8(&r);
	while (next_extension(&r, &n_left, &e)) {
		if (e.type == EXT_CC_REQUEST) {
			if (req.cc || !wire_done(&e.body))
				return -EBADMSG;
			req.cc = true;
		} else if (e.type == EXT_SUBPROTO && parse_subproto(&e.body, &req) != 0) {
			return -EBADMSG;
		}
	}
	/* Relay cells of CGO have no stream-level windows: they need the other kind. */
	if (!wire_done(&r) || (req.cgo && !req.cc))
		return -EBADMSG;
	*ret = req;
	return 0;
}

void handshake_ext_response_encode(uint8_t sendme_inc, struct wire_writer *out)
{
	wire_put_u8(out, sendme_inc > 0);
	if (sendme_inc > 0) {
		wire_put_u8(out, EXT_CC_RESPONSE);
		wire_put_u8(out, 1);
		wire_put_u8(out, sendme_inc);
	}
}

int handshake_ext_response_parse(const struct handshake_request *request, const uint8_t *msg,
				 size_t len, uint8_t *ret_sendme_inc)
{
	struct wire_reader r;
	struct extension e;
	unsigned int n_left;
	uint8_t inc = 0;

	wire_reader_init(&r, msg, len);
	n_left = wire_get_u8(&r);
	while (next_extension(&r, &n_left, &e)) {
		if (e.type != EXT_CC_RESPONSE)
			continue;
		if (!request->cc || inc > 0)
			return -EBADMSG;
		inc = wire_get_u8(&e.body);
		if (inc == 0 || !wire_done(&e.body))
			return -EBADMSG;
	}
	if (!wire_done(&r) || (request->cgo && inc == 0))
		return -EBADMSG;
	*ret_sendme_inc = inc;
	return 0;
}
