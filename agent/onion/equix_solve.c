/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * equix_solve.c - finding Equi-X solutions
 *
 * Theory of operation: three times, entries are looked for whose sum is 0 in the next
 * 15 bits. First among the 65536 hashes: the good pairs are the entries of the second
 * layer, these paired those of the third, and a good pair of these is a solution.
 *
 * A layer is kept in 256 buckets by the low 8 of those bits: what bucket b needs is in
 * bucket -b alone (two values of b and 256 - b carry one into the rest). The other
 * 7 bits are looked up in a small table, filled from the one bucket and asked for each
 * entry of the other. About as many pairs are found as there were entries, so layers
 * do not grow: on average 256 entries a bucket, and what does not fit is left out, as
 * it is in every solver.
 *
 * An entry is one word: the bits that remain to be paired, and below them where it
 * came from (bucket and the two entries in the layer before). The first layer keeps
 * whole hashes and, separately, their inputs. Its words are not needed any more when
 * the third layer is made, which takes their place: 1.6 MB in all, within the L2 cache.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "agent/onion/equix_parts.h"
#include "agent/onion/hashx.h"

#define INPUTS 65536
#define BUCKETS 256
#define BUCKET_BITS 8
#define BUCKET_ROOM 336		/* 5 standard deviations above the mean */
#define FINE_BITS (EQUIX_LEVEL_BITS - BUCKET_BITS)
#define FINE_BUCKETS (1 << FINE_BITS)
#define FINE_ROOM 12		/* 2 are usual; keeps bad hash functions from taking ages */
#define PAIRS_MAX (BUCKET_ROOM * FINE_ROOM)

/* Where an entry came from: bucket of its left half 8, left 9, right 9 bits. */
#define FROM_BITS 26

struct layer {
	uint64_t word[BUCKETS][BUCKET_ROOM];
};

struct counts {
	uint16_t n[BUCKETS];
};

/* Entries @left of bucket b and @right of bucket -b; @sum without its 15 zero bits. */
struct pair {
	uint64_t sum;
	uint16_t left;
	uint16_t right;
};

struct fine_table {
	uint8_t n[FINE_BUCKETS];
	uint16_t entry[FINE_BUCKETS][FINE_ROOM];
};

struct equix_solver {
	struct hashx hash;
	struct layer odd;	/* hashes, later the third layer */
	struct layer even;	/* the second layer */
	uint16_t input[BUCKETS][BUCKET_ROOM];
	struct counts counts[3];
	struct fine_table fine;
	struct pair pairs[PAIRS_MAX];
	size_t n_pairs;
	size_t n_solutions;
	struct equix_solution solutions[EQUIX_SOLUTIONS_MAX];
};

struct equix_solver *equix_solver_new(void)
{
	void *p = mmap(NULL, sizeof(struct equix_solver), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void equix_solver_free(struct equix_solver *s)
{
	if (s)
		(void)munmap(s, sizeof(*s));
}

static bool is_stopped(const atomic_bool *stop)
{
	return stop && atomic_load_explicit(stop, memory_order_relaxed);
}

/* --- the first layer --- */

static void add_hash(struct equix_solver *s, uint64_t hash, uint16_t input)
{
	unsigned int bucket = hash % BUCKETS;
	uint16_t *n = &s->counts[0].n[bucket];

	if (*n == BUCKET_ROOM)
		return;
	s->odd.word[bucket][*n] = hash >> BUCKET_BITS;
	s->input[bucket][*n] = input;
	(*n)++;
}

static int hash_all(struct equix_solver *s, const atomic_bool *stop)
{
	uint64_t hash[HASHX_BATCH];

	memset(s->counts, 0, sizeof(s->counts));
	for (uint32_t first = 0; first < INPUTS; first += HASHX_BATCH) {
		if (is_stopped(stop))
			return -ECANCELED;
		hashx_hash_batch(&s->hash, first, hash);
		for (uint32_t i = 0; i < HASHX_BATCH; i++)
			add_hash(s, hash[i], (uint16_t)(first + i));
	}
	return 0;
}

/* --- pairs within two buckets --- */

static void add_fine(struct fine_table *t, uint64_t rest, uint16_t entry)
{
	unsigned int fine = rest % FINE_BUCKETS;

	if (t->n[fine] < FINE_ROOM)
		t->entry[fine][t->n[fine]++] = entry;
}

/* All that make 0 with @rest, a left entry whose bucket's carry is in it. */
static void add_pairs(struct equix_solver *s, const uint64_t *right_words, unsigned int shift,
		      uint64_t rest, uint16_t left)
{
	unsigned int fine = -(unsigned int)rest % FINE_BUCKETS;

	for (unsigned int i = 0; i < s->fine.n[fine]; i++) {
		uint16_t right = s->fine.entry[fine][i];

		s->pairs[s->n_pairs++] = (struct pair){
			.sum = (rest + (right_words[right] >> shift)) >> FINE_BITS,
			.left = left,
			.right = right,
		};
	}
}

/* A bucket that is its own opposite pairs each entry with those up to it. */
static void find_pairs(struct equix_solver *s, const struct layer *layer,
		       const struct counts *counts, unsigned int shift, unsigned int bucket)
{
	const unsigned int opposite = -bucket % BUCKETS;
	const uint64_t carry = bucket != 0;
	const uint64_t *left = layer->word[bucket];
	const uint64_t *right = layer->word[opposite];

	s->n_pairs = 0;
	memset(s->fine.n, 0, sizeof(s->fine.n));
	for (uint16_t i = 0; i < counts->n[opposite]; i++) {
		add_fine(&s->fine, right[i] >> shift, i);
		if (bucket == opposite)
			add_pairs(s, right, shift, (left[i] >> shift) + carry, i);
	}
	for (uint16_t i = 0; bucket != opposite && i < counts->n[bucket]; i++)
		add_pairs(s, right, shift, (left[i] >> shift) + carry, i);
}

/* --- the layers above --- */

/* The @rest_bits that the sums keep are all that the layer above still needs. */
static void store_pairs(struct equix_solver *s, struct layer *to, struct counts *counts,
			unsigned int rest_bits, unsigned int bucket)
{
	for (size_t i = 0; i < s->n_pairs; i++) {
		const struct pair *p = &s->pairs[i];
		unsigned int into = p->sum % BUCKETS;
		uint64_t rest = p->sum >> BUCKET_BITS & ((UINT64_C(1) << rest_bits) - 1);

		if (counts->n[into] == BUCKET_ROOM)
			continue;
		to->word[into][counts->n[into]++] = rest << FROM_BITS |
						    (uint64_t)p->left << 17 |
						    (uint64_t)p->right << 8 | bucket;
	}
}

struct origin {
	unsigned int bucket;	/* of the left one; the right one's is its opposite */
	unsigned int left;
	unsigned int right;
};

static struct origin origin_of(uint64_t word)
{
	return (struct origin){
		.bucket = word % BUCKETS,
		.left = word >> 17 & 0x1ff,
		.right = word >> 8 & 0x1ff,
	};
}

/* The two inputs below an entry of the second layer. */
static void inputs_of(const struct equix_solver *s, uint64_t word, uint16_t ret_items[2])
{
	struct origin o = origin_of(word);

	ret_items[0] = s->input[o.bucket][o.left];
	ret_items[1] = s->input[-o.bucket % BUCKETS][o.right];
}

/* The four below an entry of the third. */
static void four_inputs_of(const struct equix_solver *s, uint64_t word, uint16_t ret_items[4])
{
	struct origin o = origin_of(word);

	inputs_of(s, s->even.word[o.bucket][o.left], ret_items);
	inputs_of(s, s->even.word[-o.bucket % BUCKETS][o.right], ret_items + 2);
}

static void collect_solutions(struct equix_solver *s, unsigned int bucket)
{
	for (size_t i = 0; i < s->n_pairs && s->n_solutions < EQUIX_SOLUTIONS_MAX; i++) {
		const struct pair *p = &s->pairs[i];
		struct equix_solution *out = &s->solutions[s->n_solutions];

		if (p->sum % (1 << EQUIX_LEVEL_BITS) != 0)
			continue;
		four_inputs_of(s, s->odd.word[bucket][p->left], out->item);
		four_inputs_of(s, s->odd.word[-bucket % BUCKETS][p->right], out->item + 4);
		equix_order(out);
		s->n_solutions++;
	}
}

/* Every pair of opposite buckets once: 0 and 128 are their own opposites. */
#define EACH_BUCKET(b) for (unsigned int b = 0; b <= BUCKETS / 2; b++)

static int search(struct equix_solver *s, const atomic_bool *stop)
{
	EACH_BUCKET(b) {
		find_pairs(s, &s->odd, &s->counts[0], 0, b);
		store_pairs(s, &s->even, &s->counts[1], 37, b);
	}
	if (is_stopped(stop))
		return -ECANCELED;
	EACH_BUCKET(b) {
		find_pairs(s, &s->even, &s->counts[1], FROM_BITS, b);
		store_pairs(s, &s->odd, &s->counts[2], 22, b);
	}
	if (is_stopped(stop))
		return -ECANCELED;
	EACH_BUCKET(b) {
		find_pairs(s, &s->odd, &s->counts[2], FROM_BITS, b);
		collect_solutions(s, b);
	}
	return 0;
}

int equix_solve(struct equix_solver *s, const void *challenge, size_t len,
		const atomic_bool *stop,
		struct equix_solution ret_solutions[EQUIX_SOLUTIONS_MAX], size_t *ret_n)
{
	int r;

	if (hashx_make(&s->hash, challenge, len) != 0)
		return EQUIX_E_CHALLENGE;
	s->n_solutions = 0;
	r = hash_all(s, stop);
	if (r == 0)
		r = search(s, stop);
	if (r != 0)
		return r;
	memcpy(ret_solutions, s->solutions, s->n_solutions * sizeof(s->solutions[0]));
	*ret_n = s->n_solutions;
	return 0;
}
