/* SPDX-License-Identifier: BSD-3-Clause */
/* config_names.c - names of options that are not settable, or were misspelt */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "agent/config.h"

/* tor's names that mean something here one day; "Option 0" is accepted as "off". */
static const char *const unsupported[] = {
	"AutomapHostsOnResolve", "ControlPort", "ControlSocket",
	"HiddenServiceNonAnonymousMode", "HiddenServiceOnionBalanceInstance",
	"HiddenServiceSingleHopMode", "HTTPSProxy", "HTTPSProxyAuthenticator",
	"LearnCircuitBuildTimeout", "LongLivedPorts", "MiddleNodes", "NATDPort",
	"NewCircuitPeriod", "NumEntryGuards", "ORPort", "RejectPlaintextPorts", "Socks4Proxy",
	"Socks5Proxy", "SocksPolicy", "TrackHostExits", "TransPort", "UseEntryGuards",
	"WarnPlaintextPorts", "CircuitPadding", "UseMicrodescriptors",
	"VanguardsLiteEnabled",
};

bool config_is_unsupported(const char *name)
{
	for (size_t i = 0; i < sizeof(unsupported) / sizeof(unsupported[0]); i++) {
		if (strcasecmp(unsupported[i], name) == 0)
			return true;
	}
	return false;
}

/* Levenshtein distance of two short words, without regard to case. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[64];
	size_t n = strlen(b);

	if (n >= 64 || strlen(a) >= 64)
		return 64;
	for (size_t j = 0; j <= n; j++)
		row[j] = (unsigned int)j;
	for (size_t i = 0; a[i]; i++) {
		unsigned int diagonal = row[0];

		row[0] = (unsigned int)i + 1;
		for (size_t j = 0; j < n; j++) {
			unsigned int cost = tolower((unsigned char)a[i]) !=
					    tolower((unsigned char)b[j]);
			unsigned int best = diagonal + cost;

			diagonal = row[j + 1];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j + 1] + 1 < best)
				best = row[j + 1] + 1;
			row[j + 1] = best;
		}
	}
	return row[n];
}

const char *config_nearest(const char *name)
{
	size_t n_settable;
	const struct config_option *options = config_options(&n_settable);
	size_t n = n_settable + sizeof(unsupported) / sizeof(unsupported[0]);
	unsigned int best = strlen(name) < 6 ? 1 : (unsigned int)strlen(name) / 3;
	const char *found = NULL;

	for (size_t i = 0; i < n; i++) {
		const char *word = i < n_settable ? options[i].name : unsupported[i - n_settable];
		unsigned int d = distance(name, word);

		if (d <= best && (d < best || !found)) {
			best = d;
			found = word;
		}
	}
	return found;
}
