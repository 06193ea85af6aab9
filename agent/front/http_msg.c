/* SPDX-License-Identifier: BSD-3-Clause */
/* http_msg.c - see http_msg.h */
#include "agent/front/http_msg.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "agent/circ/stream.h"
#include "common/addr.h"
#include "common/codec.h"

#define PORT_DIGITS 5
#define HTTP_PORT 80

static int parse_port(struct ipc_str s, uint16_t *ret)
{
	uint64_t v;

	if (s.len > PORT_DIGITS || !http_number(s, UINT16_MAX, &v) || v == 0)
		return -EPROTO;
	*ret = (uint16_t)v;
	return 0;
}

/*
 * "host:port" or "[v6]:port". Without a port there is @port, which is 0 where one is
 * required (RFC 9112 3.2.3).
 */
static int parse_authority(struct ipc_str s, uint16_t port, struct http_request *m)
{
	struct ipc_str host;
	bool more = true;

	if (s.len > 0 && s.s[0] == '[') {
		s.s++;
		s.len--;
		if (!http_cut(&s, ']', &host))
			return -EPROTO;
		more = s.len > 0;
		if (more && s.s[0] != ':')
			return -EPROTO;
		s.s += more;
		s.len -= more;
	} else if (!http_cut(&s, ':', &host)) {
		host = s;
		more = false;
	}
	if (host.len == 0 || host.len > IPC_NAME_MAX)
		return -EPROTO;
	m->host = host;
	m->port = port;
	if (!more)
		return port > 0 ? 0 : -EPROTO;
	return parse_port(s, &m->port);
}

/* "http://host[:port][/path][?query]". Names and passwords in it are errors: RFC 9110 4.2.4. */
static int parse_url(struct ipc_str s, struct http_request *m)
{
	size_t n = 0;

	s.s += m->scheme.len + 3;
	s.len -= m->scheme.len + 3;
	while (n < s.len && s.s[n] != '/' && s.s[n] != '?')
		n++;
	m->authority = (struct ipc_str){ s.s, n };
	m->path = (struct ipc_str){ s.s + n, s.len - n };
	if (!http_str_is(m->scheme, "http"))
		return 0;
	if (memchr(s.s, '#', s.len) || memchr(s.s, '@', n))
		return -EPROTO;
	return parse_authority(m->authority, HTTP_PORT, m);
}

static int parse_target(struct http_request *m)
{
	size_t n = 0;

	if (http_str_is(m->method, "CONNECT")) {
		m->target = HTTP_AUTHORITY;
		return parse_authority(m->url, 0, m);
	}
	while (n < m->url.len && isalpha((unsigned char)m->url.s[n]))
		n++;
	m->target = HTTP_OTHER;
	if (n == 0 || m->url.len <= n + 3 || memcmp(m->url.s + n, "://", 3) != 0)
		return 0;
	m->target = HTTP_ABSOLUTE;
	m->scheme = (struct ipc_str){ m->url.s, n };
	return parse_url(m->url, m);
}

/* "HTTP/1.x": the x; -EPROTO for another protocol, -EPROTONOSUPPORT for another version. */
static int parse_version(struct ipc_str s)
{
	static const char version[] = "HTTP/1.";
	size_t n = sizeof(version) - 1;

	if (s.len < 5 || memcmp(s.s, version, 5) != 0)
		return -EPROTO;
	if (s.len != n + 1 || memcmp(s.s, version, n) != 0 || (s.s[n] != '0' && s.s[n] != '1'))
		return -EPROTONOSUPPORT;
	return s.s[n] - '0';
}

/* METHOD SP target SP HTTP/1.x */
static int parse_request_line(struct ipc_str line, struct http_request *m)
{
	int minor;

	if (!http_cut(&line, ' ', &m->method) || !http_is_token(m->method) ||
	    !http_cut(&line, ' ', &m->url))
		return -EPROTO;
	if (m->url.len == 0 || http_has_control(m->url) || memchr(m->url.s, '\t', m->url.len))
		return -EPROTO;
	minor = parse_version(line);
	if (minor < 0)
		return minor;
	m->minor = (uint8_t)minor;
	return parse_target(m);
}

/* The value of a header that may come once. */
static int keep_once(const struct http_fields *f, const char *name, struct ipc_str *slot)
{
	const struct http_field *field;

	if (http_fields_only(f, name, &field) < 0)
		return -EPROTO;
	if (field)
		*slot = field->value;
	return 0;
}

static int read_headers(const struct http_fields *f, struct http_request *m)
{
	if (keep_once(f, "Host", &m->host_header) < 0 ||
	    keep_once(f, "Proxy-Authorization", &m->authorization) < 0 ||
	    keep_once(f, "Tor-Stream-Isolation", &m->isolation) < 0 ||
	    keep_once(f, "X-Tor-Stream-Isolation", &m->x_isolation) < 0)
		return -EPROTO;
	for (size_t i = 0; i < f->n; i++) {
		const struct http_field *h = &f->at[i];

		if (http_str_is(h->name, "Tor-RPC-Target"))
			m->wants_rpc = true;
		if (http_str_is(h->name, "Transfer-Encoding") ||
		    (http_str_is(h->name, "Content-Length") && !http_str_is(h->value, "0")))
			m->has_body = true;
	}
	return 0;
}

/* Where the head ends, 0 when that has not come yet, -EMSGSIZE. */
static ssize_t find_end(const char *data, size_t len, size_t max)
{
	const char *blank = memmem(data, len, "\r\n\r\n", 4);

	if (!blank)
		return len >= max ? -EMSGSIZE : 0;
	return (size_t)(blank + 4 - data) > max ? -EMSGSIZE : blank + 4 - data;
}

ssize_t http_request_parse(const char *data, size_t len, struct http_request *ret,
			   struct http_fields *ret_fields)
{
	struct http_request m = { .port = 0 };
	struct http_fields own;
	struct http_fields *fields = ret_fields ? ret_fields : &own;
	const char *pos = data;
	struct ipc_str line;
	ssize_t n = find_end(data, len, HTTP_HEAD_MAX);
	int r;

	if (n <= 0)
		return n;
	r = http_take_line(&pos, data + n, &line);
	if (r == 0)
		r = parse_request_line(line, &m);
	if (r == 0)
		r = http_fields_parse(pos, data + n, HTTP_HEADERS_MAX, fields);
	if (r == 0)
		r = read_headers(fields, &m);
	if (r < 0)
		return r;
	*ret = m;
	return n;
}

/* HTTP/1.x SP 3DIGIT SP [reason]; the second blank may be missing with the reason. */
static int parse_status_line(struct ipc_str line, struct http_response *m)
{
	struct ipc_str version;
	uint64_t status;
	int minor;

	if (!http_cut(&line, ' ', &version))
		return -EPROTO;
	minor = parse_version(version);
	if (minor < 0)
		return minor;
	m->minor = (uint8_t)minor;
	if (line.len < 3 || !http_number((struct ipc_str){ line.s, 3 }, 999, &status) || status < 100)
		return -EPROTO;
	m->status = (unsigned int)status;
	if (line.len > 3 && line.s[3] != ' ')
		return -EPROTO;
	m->reason = http_trim((struct ipc_str){ line.s + 3, line.len - 3 });
	return http_has_control(m->reason) ? -EPROTO : 0;
}

ssize_t http_response_parse(const char *data, size_t len, struct http_response *ret,
			    struct http_fields *ret_fields)
{
	struct http_response m = { .status = 0 };
	const char *pos = data;
	struct ipc_str line;
	ssize_t n = find_end(data, len, HTTP_RESPONSE_HEAD_MAX);
	int r;

	if (n <= 0)
		return n;
	r = http_take_line(&pos, data + n, &line);
	if (r == 0)
		r = parse_status_line(line, &m);
	if (r == 0)
		r = http_fields_parse(pos, data + n, HTTP_FIELDS_MAX, ret_fields);
	if (r < 0)
		return r;
	*ret = m;
	return n;
}

ssize_t http_credentials_decode(struct ipc_str value, uint8_t out[HTTP_CREDENTIALS_MAX],
				size_t *ret_user_len)
{
	struct ipc_str scheme;
	const uint8_t *colon;
	ssize_t n;

	if (!http_cut(&value, ' ', &scheme) || !http_str_is(scheme, "Basic"))
		return -EINVAL;
	value = http_trim(value);
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
