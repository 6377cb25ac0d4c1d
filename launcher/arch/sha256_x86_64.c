/* SHA-256 with the SHA extensions of x86 (Intel, "Intel SHA Extensions", 2013). Must not be
 * entered on a CPU for which sha256_arch_usable() is false. */
#if defined(__x86_64__)

#include "arch/sha256.h"

#include <cpuid.h>
#include <immintrin.h>

enum { LEAF7_EBX_SHA = 1 << 29, LEAF1_ECX_SSSE3 = 1 << 9, LEAF1_ECX_SSE41 = 1 << 19 };

static bool cpu_has_sha(void)
{
	unsigned int eax, ebx, ecx, edx;
	const unsigned int vectors = LEAF1_ECX_SSSE3 | LEAF1_ECX_SSE41;
	if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || (ecx & vectors) != vectors)
		return false;
	return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ebx & LEAF7_EBX_SHA);
}

/* A CPUID costs tens of microseconds inside a virtual machine, so it is asked once. */
bool sha256_arch_usable(void)
{
	static int known; /* 0: not asked yet; every thread finds the same answer */
	int answer = __atomic_load_n(&known, __ATOMIC_RELAXED);
	if (!answer) {
		answer = cpu_has_sha() ? 1 : -1;
		__atomic_store_n(&known, answer, __ATOMIC_RELAXED);
	}
	return answer > 0;
}

/* sha256rnds2 wants the state as (A,B,E,F) and (C,D,G,H), most significant first. */
struct halves {
	__m128i abef, cdgh;
};

__attribute__((target("sha,ssse3,sse4.1"))) static struct halves
halves_load(const uint32_t state[8])
{
	__m128i dcba = _mm_loadu_si128((const __m128i *)(const void *)&state[0]);
	__m128i hgfe = _mm_loadu_si128((const __m128i *)(const void *)&state[4]);
	__m128i cdab = _mm_shuffle_epi32(dcba, 0xb1);
	__m128i efgh = _mm_shuffle_epi32(hgfe, 0x1b);
	return (struct halves){ .abef = _mm_alignr_epi8(cdab, efgh, 8),
				.cdgh = _mm_blend_epi16(efgh, cdab, 0xf0) };
}

__attribute__((target("sha,ssse3,sse4.1"))) static void halves_store(struct halves halves,
								     uint32_t state[8])
{
	__m128i feba = _mm_shuffle_epi32(halves.abef, 0x1b);
	__m128i dchg = _mm_shuffle_epi32(halves.cdgh, 0xb1);
	_mm_storeu_si128((__m128i *)(void *)&state[0], _mm_blend_epi16(feba, dchg, 0xf0));
	_mm_storeu_si128((__m128i *)(void *)&state[4], _mm_alignr_epi8(dchg, feba, 8));
}

/* Four rounds with the schedule words w. */
__attribute__((target("sha,ssse3,sse4.1"), always_inline)) static inline void
rounds4(struct halves *halves, __m128i w, const uint32_t *constants)
{
	__m128i k = _mm_load_si128((const __m128i *)(const void *)constants);
	__m128i sum = _mm_add_epi32(w, k);
	halves->cdgh = _mm_sha256rnds2_epu32(halves->cdgh, halves->abef, sum);
	sum = _mm_shuffle_epi32(sum, 0x0e);
	halves->abef = _mm_sha256rnds2_epu32(halves->abef, halves->cdgh, sum);
}

__attribute__((target("sha,ssse3,sse4.1"), always_inline)) static inline struct halves
fold_block(struct halves halves, const unsigned char *data)
{
	const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
	const struct halves before = halves;
	__m128i w[4];

	for (int i = 0; i < 4; i++) {
		w[i] = _mm_loadu_si128((const __m128i *)(const void *)(data + 16 * i));
		w[i] = _mm_shuffle_epi8(w[i], big_endian);
		rounds4(&halves, w[i], &sha256_constants[4 * i]);
	}
#pragma GCC unroll 12
	for (int i = 4; i < 16; i++) {
		__m128i next = _mm_sha256msg1_epu32(w[i & 3], w[(i + 1) & 3]);
		next = _mm_add_epi32(next, _mm_alignr_epi8(w[(i + 3) & 3], w[(i + 2) & 3], 4));
		w[i & 3] = _mm_sha256msg2_epu32(next, w[(i + 3) & 3]);
		rounds4(&halves, w[i & 3], &sha256_constants[4 * i]);
	}
	halves.abef = _mm_add_epi32(halves.abef, before.abef);
	halves.cdgh = _mm_add_epi32(halves.cdgh, before.cdgh);
	return halves;
}

__attribute__((target("sha,ssse3,sse4.1"))) void
sha256_arch_blocks(uint32_t state[8], const unsigned char *data, size_t blocks)
{
	struct halves halves = halves_load(state);
	for (; blocks > 0; blocks--, data += 64)
		halves = fold_block(halves, data);
	halves_store(halves, state);
}

#endif
