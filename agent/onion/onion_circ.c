/* SPDX-License-Identifier: BSD-3-Clause */
/* onion_circ.c - see onion_circ.h */
#include "agent/onion/onion_circ.h"

const char *onion_purpose_str(enum onion_purpose purpose)
{
	switch (purpose) {
	case ONION_CLIENT_HSDIR:
		return "client-hsdir";
	case ONION_CLIENT_INTRO:
		return "client-intro";
	case ONION_CLIENT_REND:
		return "client-rend";
	case ONION_SERVICE_HSDIR:
		return "service-hsdir";
	case ONION_SERVICE_INTRO:
		return "service-intro";
	case ONION_SERVICE_REND:
		return "service-rend";
	}
	return "unknown";
}
