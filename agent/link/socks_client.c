/* SPDX-License-Identifier: BSD-3-Clause */
/* socks_client.c - see socks_client.h */
#include "agent/link/socks_client.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "common/wire.h"

#define SOCKS5_AUTH_NONE 0x00
#define SOCKS5_AUTH_PASSWORD 0x02
#define SOCKS5_PASSWORD_VERSION 0x01
#define SOCKS_CONNECT 0x01
#define SOCKS4_GRANTED 0x5a
#define SOCKS4_REPLY_LEN 8
#define SOCKS5_HEAD_LEN 5	/* up to the first byte of the bound address */
#define FIELD_MAX 255

enum state {
	STATE_METHOD,	/* 5: waits for the method chosen */
	STATE_AUTH,	/* 5: for the verdict on user name and password */
	STATE_HEAD,	/* 5: for the start of the reply, which tells its length */
	STATE_REPLY,	/* for the (rest of the) reply */
	STATE_DONE,
};

static void expect(struct socks_client *s, enum state state, size_t n)
{
	s->state = state;
	s->in_need = (uint16_t)n;
	s->in_len = 0;
}

static void put_done(struct socks_client *s, const struct wire_writer *w)
{
	assert(wire_writer_ok(w));
	s->out_len = (uint16_t)wire_len(w);
	s->out_pos = 0;
}

static void put_request4(struct socks_client *s)
{
	struct wire_writer w;

	wire_writer_init(&w, s->out, sizeof(s->out));
	wire_put_u8(&w, 4);
	wire_put_u8(&w, SOCKS_CONNECT);
	wire_put_u16(&w, s->dest.port);
	wire_put_bytes(&w, s->dest.addr.b, 4);
	wire_put_bytes(&w, s->args, s->args_len);
	wire_put_u8(&w, 0);
	put_done(s, &w);
	expect(s, STATE_REPLY, SOCKS4_REPLY_LEN);
}

static void put_greeting(struct socks_client *s)
{
	struct wire_writer w;

	wire_writer_init(&w, s->out, sizeof(s->out));
	wire_put_u8(&w, 5);
	wire_put_u8(&w, 1);
	wire_put_u8(&w, s->args_len ? SOCKS5_AUTH_PASSWORD : SOCKS5_AUTH_NONE);
	put_done(s, &w);
	expect(s, STATE_METHOD, 2);
}

/* What does not fit the user name goes on in the password, which else is one NUL (pt-spec 3.5). */
static void put_auth(struct socks_client *s)
{
	size_t user = s->args_len < FIELD_MAX ? s->args_len : FIELD_MAX;
	size_t rest = s->args_len - user;
	struct wire_writer w;

	wire_writer_init(&w, s->out, sizeof(s->out));
	wire_put_u8(&w, SOCKS5_PASSWORD_VERSION);
	wire_put_u8(&w, (uint8_t)user);
	wire_put_bytes(&w, s->args, user);
	wire_put_u8(&w, rest ? (uint8_t)rest : 1);
	if (rest)
		wire_put_bytes(&w, s->args + user, rest);
	else
		wire_put_u8(&w, 0);
	put_done(s, &w);
	expect(s, STATE_AUTH, 2);
}

static void put_request5(struct socks_client *s)
{
	bool v6 = s->dest.addr.family == ADDR_V6;
	struct wire_writer w;

	wire_writer_init(&w, s->out, sizeof(s->out));
	wire_put_u8(&w, 5);
	wire_put_u8(&w, SOCKS_CONNECT);
	wire_put_u8(&w, 0);
	wire_put_u8(&w, v6 ? 4 : 1);
	wire_put_bytes(&w, s->dest.addr.b, v6 ? 16 : 4);
	wire_put_u16(&w, s->dest.port);
	put_done(s, &w);
	expect(s, STATE_HEAD, SOCKS5_HEAD_LEN);
}

int socks_client_start(struct socks_client *s, unsigned int version, const struct addr_port *dest,
		       const char *args, size_t args_len)
{
	bool v4 = version == 4;

	if ((version != 4 && version != 5) || dest->addr.family == ADDR_NONE || dest->port == 0)
		return -EINVAL;
	if (v4 && dest->addr.family != ADDR_V4)
		return -EINVAL;
	if (args_len > (v4 ? FIELD_MAX - 1 : SOCKS_ARGS_MAX) ||
	    (args_len > 0 && memchr(args, '\0', args_len)))
		return -EINVAL;
	memset(s, 0, sizeof(*s));
	s->v4 = v4;
	s->dest = *dest;
	s->args_len = (uint16_t)args_len;
	if (args_len > 0)
		memcpy(s->args, args, args_len);
	if (v4)
		put_request4(s);
	else
		put_greeting(s);
	return 0;
}

size_t socks_client_pending(const struct socks_client *s, const uint8_t **ret_data)
{
	*ret_data = s->out + s->out_pos;
	return (size_t)(s->out_len - s->out_pos);
}

void socks_client_sent(struct socks_client *s, size_t n)
{
	assert(n <= (size_t)(s->out_len - s->out_pos));
	s->out_pos = (uint16_t)(s->out_pos + n);
}

size_t socks_client_wanted(const struct socks_client *s)
{
	if (s->state == STATE_DONE || s->out_pos < s->out_len)
		return 0;
	return (size_t)(s->in_need - s->in_len);
}

/* The head of a SOCKS 5 reply is there: how much of the bound address is to come? */
static int take_head(struct socks_client *s)
{
	size_t rest;

	s->code = s->in[1];
	if (s->in[0] != 5)
		return SOCKS_E_PROTOCOL;
	if (s->code != 0)
		return SOCKS_E_REFUSED;
	switch (s->in[3]) {
	case 1:
		rest = 4 - 1 + 2;
		break;
	case 3:
		rest = (size_t)s->in[4] + 2;
		break;
	case 4:
		rest = 16 - 1 + 2;
		break;
	default:
		return SOCKS_E_PROTOCOL;
	}
	expect(s, STATE_REPLY, rest);
	return 0;
}

static int take_answer(struct socks_client *s)
{
	switch ((enum state)s->state) {
	case STATE_METHOD:
		s->code = s->in[1];
		if (s->in[0] != 5 ||
		    s->in[1] != (s->args_len ? SOCKS5_AUTH_PASSWORD : SOCKS5_AUTH_NONE))
			return SOCKS_E_PROTOCOL;
		if (s->args_len)
			put_auth(s);
		else
			put_request5(s);
		return 0;
	case STATE_AUTH:
		s->code = s->in[1];
		if (s->in[0] != SOCKS5_PASSWORD_VERSION)
			return SOCKS_E_PROTOCOL;
		if (s->in[1] != 0)
			return SOCKS_E_AUTH;
		put_request5(s);
		return 0;
	case STATE_HEAD:
		return take_head(s);
	case STATE_REPLY:
		if (s->v4) {
			s->code = s->in[1];
			if (s->in[0] != 0)
				return SOCKS_E_PROTOCOL;
			if (s->in[1] != SOCKS4_GRANTED)
				return SOCKS_E_REFUSED;
		}
		s->state = STATE_DONE;
		return 0;
	case STATE_DONE:
		break;
	}
	return SOCKS_E_PROTOCOL;
}

int socks_client_consume(struct socks_client *s, const uint8_t *data, size_t len)
{
	assert(len <= socks_client_wanted(s) && s->in_len + len <= sizeof(s->in));
	memcpy(s->in + s->in_len, data, len);
	s->in_len = (uint16_t)(s->in_len + len);
	return s->in_len < s->in_need ? 0 : take_answer(s);
}

bool socks_client_done(const struct socks_client *s)
{
	return s->state == STATE_DONE;
}

uint8_t socks_client_code(const struct socks_client *s)
{
	return s->code;
}
