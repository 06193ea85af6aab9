/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_ipc.c - any bytes as one frame between a program and the agent
 *
 * What a decoder takes, the encoder must be able to send again, byte for byte.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/ipc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint8_t out[IPC_HEADER_LEN + IPC_BODY_MAX];

static ssize_t again(uint8_t type, const uint8_t *b, size_t len)
{
	struct ipc_open open;
	struct ipc_query query;
	struct ipc_resolve resolve;
	struct ipc_reverse reverse;
	struct ipc_info info;
	struct ipc_addresses addresses;
	struct ipc_name name;
	struct ipc_progress progress;
	struct ipc_end end;
	struct ipc_str s;
	uint32_t error;

	switch ((enum ipc_type)type) {
	case IPC_OPEN:
		return ipc_open_decode(b, len, &open) ? -1 : ipc_open_encode(out, sizeof(out), &open);
	case IPC_QUERY:
		return ipc_query_decode(b, len, &query) ? -1 : ipc_query_encode(out, sizeof(out), &query);
	case IPC_RESOLVE:
		return ipc_resolve_decode(b, len, &resolve) ? -1 :
		       ipc_resolve_encode(out, sizeof(out), &resolve);
	case IPC_REVERSE:
		return ipc_reverse_decode(b, len, &reverse) ? -1 :
		       ipc_reverse_encode(out, sizeof(out), &reverse);
	case IPC_WAIT:
		return len > 0 ? -1 : ipc_wait_encode(out, sizeof(out));
	case IPC_CONTROL:
		return ipc_control_decode(b, len, &s) ? -1 : ipc_control_encode(out, sizeof(out), s);
	case IPC_LEASE:
		return ipc_lease_decode(b, len, &s) ? -1 : ipc_lease_encode(out, sizeof(out), s);
	case IPC_RESULT:
		return ipc_result_decode(b, len, &error) ? -1 : ipc_result_encode(out, sizeof(out), error);
	case IPC_INFO:
		return ipc_info_decode(b, len, &info) ? -1 : ipc_info_encode(out, sizeof(out), &info);
	case IPC_ADDRESSES:
		return ipc_addresses_decode(b, len, &addresses) ? -1 :
		       ipc_addresses_encode(out, sizeof(out), &addresses);
	case IPC_NAME:
		return ipc_name_decode(b, len, &name) ? -1 : ipc_name_encode(out, sizeof(out), &name);
	case IPC_PROGRESS:
		return ipc_progress_decode(b, len, &progress) ? -1 :
		       ipc_progress_encode(out, sizeof(out), &progress);
	case IPC_DATA:
		return ipc_data_decode(b, len, &s) ? -1 : ipc_data_encode(out, sizeof(out), s);
	case IPC_END:
		return ipc_end_decode(b, len, &end) ? -1 : ipc_end_encode(out, sizeof(out), &end);
	}
	return -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint64_t handle;
	uint8_t type, family;
	size_t body;
	ssize_t n;

	(void)ipc_stand_in_parse((const char *)data, len, &handle, &family);
	if (len < IPC_HEADER_LEN || ipc_header_decode(data, IPC_BODY_MAX, &type, &body))
		return 0;
	if (body != len - IPC_HEADER_LEN)
		return 0;
	n = again(type, data + IPC_HEADER_LEN, body);
	if (n >= 0 && ((size_t)n != len || memcmp(out, data, len) != 0))
		abort();
	return 0;
}
