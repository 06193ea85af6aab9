/* SPDX-License-Identifier: BSD-3-Clause */
/* http_msg.c - see http_msg.h */
#include "agent/front/http_msg.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "agent/circ/stream.h"
#include "common/addr.h"
#include "common/codec.h"

#define PORT_DIGITS 5

bool http_str_is(struct ipc_str s, const char *word)
{
	return strlen(word) == s.len && strncasecmp(s.s, word, s.len) == 0;
}

/* RFC 9110 5.6.2 */
static bool is_token_char(char c)
{
	return isalnum((unsigned char)c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(struct ipc_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!is_token_char(s.s[i]))
			return false;
	}
	return s.len > 0;
}

static bool has_control(struct ipc_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.s[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return true;
	}
	return false;
}

static struct ipc_str trim(struct ipc_str s)
{
	while (s.len > 0 && (s.s[0] == ' ' || s.s[0] == '\t')) {
		s.s++;
		s.len--;
	}
	while (s.len > 0 && (s.s[s.len - 1] == ' ' || s.s[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/* Takes the text before the next @c off @s; false when there is none. */
static bool cut(struct ipc_str *s, char c, struct ipc_str *ret_before)
{
	const char *at = memchr(s->s, c, s->len);

	if (!at)
		return false;
	*ret_before = (struct ipc_str){ s->s, (size_t)(at - s->s) };
	s->len -= ret_before->len + 1;
	s->s = at + 1;
	return true;
}

static int parse_port(struct ipc_str s, uint16_t *ret)
{
	unsigned long v = 0;

	if (s.len == 0 || s.len > PORT_DIGITS)
		return -EPROTO;
	for (size_t i = 0; i < s.len; i++) {
		if (!isdigit((unsigned char)s.s[i]))
			return -EPROTO;
		v = v * 10 + (unsigned long)(s.s[i] - '0');
	}
	if (v == 0 || v > UINT16_MAX)
		return -EPROTO;
	*ret = (uint16_t)v;
	return 0;
}

/* "host:port" or "[v6]:port"; both parts are required (RFC 9112 3.2.3). */
static int parse_authority(struct ipc_str s, struct http_request *m)
{
	struct ipc_str host;

	if (s.len > 0 && s.s[0] == '[') {
		s.s++;
		s.len--;
		if (!cut(&s, ']', &host) || s.len == 0 || s.s[0] != ':')
			return -EPROTO;
		s.s++;
		s.len--;
	} else if (!cut(&s, ':', &host)) {
		return -EPROTO;
	}
	if (host.len == 0 || host.len > IPC_NAME_MAX)
		return -EPROTO;
	m->host = host;
	return parse_port(s, &m->port);
}

static enum http_target target_of(const struct http_request *m)
{
	size_t n = 0;

	if (http_str_is(m->method, "CONNECT"))
		return HTTP_AUTHORITY;
	while (n < m->url.len && isalpha((unsigned char)m->url.s[n]))
		n++;
	return n > 0 && m->url.len > n + 2 && memcmp(m->url.s + n, "://", 3) == 0 ? HTTP_ABSOLUTE
										   : HTTP_OTHER;
}

/* METHOD SP target SP HTTP/1.x */
static int parse_request_line(struct ipc_str line, struct http_request *m)
{
	static const char version[] = "HTTP/1.";
	size_t n = sizeof(version) - 1;

	if (!cut(&line, ' ', &m->method) || !is_token(m->method) || !cut(&line, ' ', &m->url))
		return -EPROTO;
	if (m->url.len == 0 || has_control(m->url) || memchr(m->url.s, '\t', m->url.len))
		return -EPROTO;
	if (line.len < 5 || memcmp(line.s, version, 5) != 0)
		return -EPROTO;
	if (line.len != n + 1 || memcmp(line.s, version, n) != 0 ||
	    (line.s[n] != '0' && line.s[n] != '1'))
		return -EPROTONOSUPPORT;
	m->minor = (uint8_t)(line.s[n] - '0');
	m->target = target_of(m);
	return m->target == HTTP_AUTHORITY ? parse_authority(m->url, m) : 0;
}

/* For a header that may come once. */
static int keep_once(struct ipc_str *slot, struct ipc_str value)
{
	if (slot->s)
		return -EPROTO;
	*slot = value;
	return 0;
}

static int parse_header(struct ipc_str line, struct http_request *m)
{
	struct ipc_str name;
	struct ipc_str value;

	/* No token: also a folded line, or a blank before the colon. */
	if (!cut(&line, ':', &name) || !is_token(name) || has_control(line))
		return -EPROTO;
	value = trim(line);
	if (http_str_is(name, "Host"))
		return keep_once(&m->host_header, value);
	if (http_str_is(name, "Proxy-Authorization"))
		return keep_once(&m->authorization, value);
	if (http_str_is(name, "Tor-Stream-Isolation"))
		return keep_once(&m->isolation, value);
	if (http_str_is(name, "X-Tor-Stream-Isolation"))
		return keep_once(&m->x_isolation, value);
	if (http_str_is(name, "Tor-RPC-Target"))
		m->wants_rpc = true;
	if (http_str_is(name, "Transfer-Encoding") ||
	    (http_str_is(name, "Content-Length") && !http_str_is(value, "0")))
		m->has_body = true;
	return 0;
}

/* The line at *@pos without its CRLF; -EPROTO when a bare CR or LF ends or splits it. */
static int take_line(const char **pos, const char *end, struct ipc_str *ret)
{
	const char *lf = memchr(*pos, '\n', (size_t)(end - *pos));

	if (!lf || lf == *pos || lf[-1] != '\r')
		return -EPROTO;
	*ret = (struct ipc_str){ *pos, (size_t)(lf - 1 - *pos) };
	*pos = lf + 1;
	return memchr(ret->s, '\r', ret->len) ? -EPROTO : 0;
}

ssize_t http_request_parse(const char *data, size_t len, struct http_request *ret)
{
	struct http_request m = { .port = 0 };
	const char *blank = memmem(data, len, "\r\n\r\n", 4);
	const char *pos = data;
	const char *end;
	struct ipc_str line;
	size_t n = 0;
	int r;

	if (!blank)
		return len >= HTTP_HEAD_MAX ? -EMSGSIZE : 0;
	end = blank + 4;
	if ((size_t)(end - data) > HTTP_HEAD_MAX)
		return -EMSGSIZE;
	r = take_line(&pos, end, &line);
	if (r == 0)
		r = parse_request_line(line, &m);
	while (r == 0) {
		r = take_line(&pos, end, &line);
		if (r < 0 || line.len == 0)
			break;
		if (++n > HTTP_HEADERS_MAX)
			return -EMSGSIZE;
		r = parse_header(line, &m);
	}
	if (r < 0)
		return r;
	*ret = m;
	return end - data;
}

ssize_t http_credentials_decode(struct ipc_str value, uint8_t out[HTTP_CREDENTIALS_MAX],
				size_t *ret_user_len)
{
	struct ipc_str scheme;
	const uint8_t *colon;
	ssize_t n;

	if (!cut(&value, ' ', &scheme) || !http_str_is(scheme, "Basic"))
		return -EINVAL;
	value = trim(value);
	n = codec_base64_decode(out, HTTP_CREDENTIALS_MAX, value.s, value.len);
	if (n <= 0)
		return -EINVAL;
	colon = memchr(out, ':', (size_t)n);
	if (!colon)
		return -EINVAL;
	*ret_user_len = (size_t)(colon - out);
	return n;
}

bool http_host_is_local(struct ipc_str host)
{
	struct addr a;
	const char *colon = host.len > 0 ? memrchr(host.s, ':', host.len) : NULL;
	struct ipc_str name = host;
	uint16_t port;

	if (colon && !memchr(colon, ']', (size_t)(host.s + host.len - colon))) {
		struct ipc_str digits = { colon + 1, (size_t)(host.s + host.len - colon - 1) };

		if (parse_port(digits, &port) < 0)
			return false;
		name.len = (size_t)(colon - host.s);
	}
	if (http_str_is(name, "localhost"))
		return true;
	return addr_parse(name.s, name.len, &a) == 0 && addr_is_loopback(&a);
}

static const char *status_of_errno(int error)
{
	switch (error) {
	case EINVAL:
		return "400 Bad Request";
	case EACCES:
	case EPERM:
	case ECONNREFUSED:
		return "403 Forbidden";
	case EAGAIN:
	case EHOSTUNREACH:
	case ENETUNREACH:
		return "503 Service Unavailable";
	case ETIMEDOUT:
		return "504 Gateway Timeout";
	default:
		return "502 Bad Gateway";
	}
}

const char *http_status_of(uint16_t reason, int error)
{
	/* The numbers are C tor's, but for MISC: a refused port arrives as that. */
	switch (reason) {
	case 0:
		return status_of_errno(error);
	case END_RESOLVEFAILED:
	case END_NOROUTE:
		return "503 Service Unavailable";
	case END_CONNECTREFUSED:
	case END_EXITPOLICY:
	case END_CONNRESET:
		return "403 Forbidden";
	case END_TIMEOUT:
	case END_REPLY_TIMEOUT:
		return "504 Gateway Timeout";
	default:
		return "502 Bad Gateway";
	}
}
