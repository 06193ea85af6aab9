/* SPDX-License-Identifier: BSD-3-Clause */
/* http_filter.c - see http_filter.h */
#include "agent/front/http_filter.h"

#include <string.h>
#include <strings.h>

#include "common/onion_address.h"

/* Without regard to case. A name that ends in "*" stands for all that begin so. */
static const char *const removed[] = {
	/* Who asked before, and on which way it came. */
	"Forwarded", "X-Forwarded*", "Forwarded-For*", "X-Original-Forwarded-For", "Via", "X-Via",
	"Client-IP", "X-Client-IP", "X-Real-IP", "X-Remote-IP", "X-Remote-Addr", "Remote-Addr",
	"X-Originating-IP", "X-Cluster-Client-IP", "X-ProxyUser-IP", "True-Client-IP",
	"CF-Connecting-IP*", "Fastly-Client-IP", "X-Azure-ClientIP", "X-Envoy-External-Address",
	"X-Host", "X-BlueCoat-Via", "X-Squid*", "Cdn-Loop",
	/* People, and devices that stand for them. */
	"From", "X-User", "X-Username", "X-Authenticated-User", "X-Wap-*", "Profile",
	"X-UIDH", "X-ACR", "X-MSISDN", "MSISDN", "X-Nokia-*", "X-Up-*", "X-VF-*", "X-IMSI", "X-IMEI",
	"X-ATT-DeviceId",
	/* Client hints: the machine, its screen, its line. */
	"Sec-CH-*", "Device-Memory", "DPR", "Width", "Viewport-Width", "Downlink", "ECT", "RTT",
	"Save-Data",
	/* Ours, and tor's: words between a program and its proxy. */
	"Tor-*", "X-Tor-*",
};

static bool matches(struct ipc_str name, const char *pattern)
{
	size_t n = strlen(pattern);

	if (pattern[n - 1] != '*')
		return http_str_is(name, pattern);
	return name.len >= n - 1 && strncasecmp(name.s, pattern, n - 1) == 0;
}

/* The page before was one of the same site: the same scheme, host and port. */
static bool is_same_site(const struct http_request *m, struct ipc_str referer)
{
	static const char scheme[] = "http://";
	size_t n = sizeof(scheme) - 1;

	if (!http_str_begins(referer, scheme) || referer.len < n + m->authority.len ||
	    strncasecmp(referer.s + n, m->authority.s, m->authority.len) != 0)
		return false;
	n += m->authority.len;
	return n == referer.len || referer.s[n] == '/' || referer.s[n] == '?';
}

/* "scheme://host[:port]" of an onion service. */
static bool is_onion_origin(struct ipc_str origin)
{
	const char *at = memmem(origin.s, origin.len, "://", 3);
	const char *end = origin.s + origin.len;
	const char *colon;

	if (!at)
		return false;
	at += 3;
	colon = memchr(at, ':', (size_t)(end - at));
	return onion_address_is_onion(at, (size_t)((colon ? colon : end) - at));
}

static struct ipc_str text(const char *s)
{
	return (struct ipc_str){ s, strlen(s) };
}

static bool strict_field(const struct http_field *field, struct ipc_str *ret_value)
{
	if (http_str_is(field->name, "Referer") || http_str_is(field->name, "Ping-From"))
		return false;
	if (http_str_is(field->name, "User-Agent"))
		*ret_value = text(HTTP_FILTER_USER_AGENT);
	if (http_str_is(field->name, "Accept-Language"))
		*ret_value = text(HTTP_FILTER_LANGUAGE);
	return true;
}

bool http_filter_field(enum config_http_filter filter, const struct http_request *m,
		       const struct http_field *field, struct ipc_str *ret_value)
{
	*ret_value = field->value;
	if (filter == CONFIG_HTTP_FILTER_OFF)
		return !matches(field->name, "Tor-*") && !matches(field->name, "X-Tor-*");
	for (size_t i = 0; i < sizeof(removed) / sizeof(removed[0]); i++) {
		if (matches(field->name, removed[i]))
			return false;
	}
	if ((http_str_is(field->name, "Referer") || http_str_is(field->name, "Ping-From")) &&
	    !is_same_site(m, field->value))
		return false;
	/* As Tor Browser: the name of an onion service is for nobody on the way to another site. */
	if (http_str_is(field->name, "Origin") && is_onion_origin(field->value) &&
	    !is_same_site(m, field->value))
		*ret_value = text("null");
	/* Android puts the program's name there; scripts put a word that servers ask for. */
	if (http_str_is(field->name, "X-Requested-With") &&
	    !http_str_is(field->value, "XMLHttpRequest"))
		return false;
	return filter == CONFIG_HTTP_FILTER_STRICT ? strict_field(field, ret_value) : true;
}
