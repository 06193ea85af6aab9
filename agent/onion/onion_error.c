/* SPDX-License-Identifier: BSD-3-Clause */
/* onion_error.c - what became of requests for onion services, in words and as errno */
#include <errno.h>

#include "agent/onion/client.h"

const char *onion_error_str(int error)
{
	switch (error) {
	case ONION_E_NOT_FOUND:
		return "no directory knows the onion service";
	case ONION_E_INVALID:
		return "the onion service's descriptor is not valid";
	case ONION_E_INTRO_FAILED:
		return "the onion service's introduction points refused";
	case ONION_E_REND_FAILED:
		return "the onion service did not come to the rendezvous";
	case ONION_E_AUTH_MISSING:
		return "the onion service wants authorisation: see onionctl onion-auth";
	case ONION_E_AUTH_WRONG:
		return "the onion service does not accept the key given for it";
	case ONION_E_BAD_ADDRESS:
		return "not an address of an onion service";
	case ONION_E_INTRO_TIMEOUT:
		return "the onion service's introduction points do not answer";
	case ONION_E_LIMIT:
		return "too many onion services at once";
	default:
		return "unknown";
	}
}

int onion_error_errno(int error)
{
	switch (error) {
	case ONION_E_AUTH_MISSING:
	case ONION_E_AUTH_WRONG:
		return EACCES;
	case ONION_E_INTRO_TIMEOUT:
	case ONION_E_REND_FAILED:
		return ETIMEDOUT;
	case ONION_E_LIMIT:
		return EAGAIN;
	default:
		return EHOSTUNREACH;
	}
}
