/* SPDX-License-Identifier: BSD-3-Clause */
/* equix.c - the form of Equi-X solutions and their check; see equix.h */
#include "agent/onion/equix.h"

#include "agent/onion/equix_parts.h"
#include "agent/onion/hashx.h"

void equix_solution_encode(uint8_t out[EQUIX_SOLUTION_LEN], const struct equix_solution *s)
{
	for (int i = 0; i < EQUIX_ITEMS; i++) {
		out[2 * i] = (uint8_t)s->item[i];
		out[2 * i + 1] = (uint8_t)(s->item[i] >> 8);
	}
}

void equix_solution_from_bytes(struct equix_solution *s, const uint8_t in[EQUIX_SOLUTION_LEN])
{
	for (int i = 0; i < EQUIX_ITEMS; i++)
		s->item[i] = (uint16_t)(in[2 * i] | in[2 * i + 1] << 8);
}

/* True when the left half of @n items may stand before the right one. */
static bool halves_ordered(const uint16_t *item, unsigned int n)
{
	for (unsigned int i = n / 2; i-- > 0;) {
		if (item[i] != item[n / 2 + i])
			return item[i] < item[n / 2 + i];
	}
	return true;
}

static void swap_halves(uint16_t *item, unsigned int n)
{
	for (unsigned int i = 0; i < n / 2; i++) {
		uint16_t x = item[i];

		item[i] = item[n / 2 + i];
		item[n / 2 + i] = x;
	}
}

bool equix_is_ordered(const struct equix_solution *s)
{
	for (unsigned int n = 2; n <= EQUIX_ITEMS; n *= 2) {
		for (unsigned int i = 0; i < EQUIX_ITEMS; i += n) {
			if (!halves_ordered(s->item + i, n))
				return false;
		}
	}
	return true;
}

void equix_order(struct equix_solution *s)
{
	for (unsigned int n = 2; n <= EQUIX_ITEMS; n *= 2) {
		for (unsigned int i = 0; i < EQUIX_ITEMS; i += n) {
			if (!halves_ordered(s->item + i, n))
				swap_halves(s->item + i, n);
		}
	}
}

/* Level by level from the leaves; every level doubles the bits that must be 0. */
static bool sums_are_good(const struct hashx *h, const struct equix_solution *s)
{
	uint64_t sum[EQUIX_ITEMS];
	unsigned int bits = EQUIX_LEVEL_BITS;

	for (int i = 0; i < EQUIX_ITEMS; i++)
		sum[i] = hashx_hash(h, s->item[i]);
	for (unsigned int n = EQUIX_ITEMS / 2; n >= 1; n /= 2) {
		for (unsigned int i = 0; i < n; i++) {
			sum[i] = sum[2 * i] + sum[2 * i + 1];
			if (sum[i] & ((UINT64_C(1) << bits) - 1))
				return false;
		}
		bits *= 2;
	}
	return true;
}

int equix_verify(const void *challenge, size_t len, const struct equix_solution *s)
{
	struct hashx h;

	if (!equix_is_ordered(s))
		return EQUIX_E_ORDER;
	if (hashx_make(&h, challenge, len) != 0)
		return EQUIX_E_CHALLENGE;
	return sums_are_good(&h, s) ? 0 : EQUIX_E_SUM;
}
