/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * http_filter.h - the privacy filter: which headers of a request may leave this machine
 *
 * Plain HTTP is read by the exit relay and the server. What a program or a proxy before
 * us put into a request about the user's machine, network or mail address does not go
 * out, and neither does the page on another site that a link was on. What a server
 * needs to answer rightly (cookies, credentials, languages, the program's own name) stays:
 * to change that is the program's own business. HTTPProxyFilter strict goes further.
 * Pure.
 *
 * Removed: addresses and ways (Forwarded, X-Forwarded-*, Via, Client-IP, ...), people and
 * devices (From, carriers' and handsets' headers), client hints (Sec-CH-*, RTT, ...: the
 * server must do without them anyway), Referer and Ping-From of another site,
 * X-Requested-With with a program's package name. Origin stays, as servers decide by it, but
 * where it names an onion service and another site is asked it becomes "null". strict: also
 * no Referer at all, and User-Agent and Accept-Language become those of Tor Browser.
 *
 * Spec: RFC 9110 7.6.3 (Via), 10.1.2 (From), 10.1.3 (Referer); RFC 7239; RFC 8942
 */
#ifndef FRONT_HTTP_FILTER_H
#define FRONT_HTTP_FILTER_H

#include "agent/config.h"
#include "agent/front/http_msg.h"

/* Tor Browser's, the one user agent that says no more than "over Tor". */
#define HTTP_FILTER_USER_AGENT "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0"
#define HTTP_FILTER_LANGUAGE "en-US,en;q=0.5"

/*
 * What becomes of @field in the request @m (of HTTP_ABSOLUTE): its value, another one, or
 * false: it is left out.
 */
bool http_filter_field(enum config_http_filter filter, const struct http_request *m,
		       const struct http_field *field, struct ipc_str *ret_value);

#endif
