/* SHA-256: see sha256.h. Owns the algorithm in portable C and the choice between it and the CPU's
 * instructions; allocates nothing, keeps nothing. */
#include "sha256.h"

#include "arch/sha256.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

_Alignas(16) const uint32_t sha256_constants[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

static uint32_t rotate_right(uint32_t x, int count)
{
	return x >> count | x << (32 - count);
}

static uint32_t load_big_endian(const unsigned char *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void store_big_endian(unsigned char *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (unsigned char)(value >> (24 - 8 * i));
}

static void expand_schedule(uint32_t w[64], const unsigned char block[64])
{
	for (int i = 0; i < 16; i++)
		w[i] = load_big_endian(block + 4 * i);
	for (int i = 16; i < 64; i++) {
		uint32_t a = w[i - 15], b = w[i - 2];
		uint32_t s0 = rotate_right(a, 7) ^ rotate_right(a, 18) ^ a >> 3;
		uint32_t s1 = rotate_right(b, 17) ^ rotate_right(b, 19) ^ b >> 10;
		w[i] = w[i - 16] + s0 + w[i - 7] + s1;
	}
}

static void fold_block(uint32_t state[8], const unsigned char block[64])
{
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
	uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
	uint32_t w[64];

	expand_schedule(w, block);
	for (int i = 0; i < 64; i++) {
		uint32_t s1 = rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25);
		uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + sha256_constants[i] + w[i];
		uint32_t s0 = rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22);
		uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
		h = g, g = f, f = e, e = d + t1;
		d = c, c = b, b = a, a = t1 + t2;
	}
	state[0] += a, state[1] += b, state[2] += c, state[3] += d;
	state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

void sha256_portable_blocks(uint32_t state[8], const unsigned char *data, size_t blocks)
{
	for (; blocks > 0; blocks--, data += 64)
		fold_block(state, data);
}

static void fold_blocks(uint32_t state[8], const unsigned char *data, size_t blocks)
{
	if (sha256_arch_usable())
		sha256_arch_blocks(state, data, blocks);
	else
		sha256_portable_blocks(state, data, blocks);
}

void sha256_init(struct sha256 *hash)
{
	*hash = (struct sha256){ .state = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
					    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 } };
}

void sha256_update(struct sha256 *hash, const void *data, size_t len)
{
	const unsigned char *at = data;
	size_t held = hash->total_bytes % sizeof(hash->block);

	if (len == 0)
		return;
	hash->total_bytes += len;
	if (held > 0) {
		size_t missing = sizeof(hash->block) - held;
		size_t taken = len < missing ? len : missing;
		memcpy(hash->block + held, at, taken);
		if (taken < missing)
			return;
		fold_blocks(hash->state, hash->block, 1);
		at += taken;
		len -= taken;
	}
	fold_blocks(hash->state, at, len / sizeof(hash->block));
	memcpy(hash->block, at + len / sizeof(hash->block) * sizeof(hash->block),
	       len % sizeof(hash->block));
}

void sha256_final(struct sha256 *hash, unsigned char digest[SHA256_BYTES])
{
	static const unsigned char padding[64] = { 0x80 };
	uint64_t bits = hash->total_bytes * 8;
	size_t held = hash->total_bytes % 64;
	unsigned char length[8];

	store_big_endian(length, (uint32_t)(bits >> 32));
	store_big_endian(length + 4, (uint32_t)bits);
	sha256_update(hash, padding, (held < 56 ? 56 : 120) - held);
	sha256_update(hash, length, sizeof(length));
	for (int i = 0; i < 8; i++)
		store_big_endian(digest + 4 * i, hash->state[i]);
}

void sha256_hex(const unsigned char digest[SHA256_BYTES], char hex[SHA256_HEX])
{
	static const char digits[] = "0123456789abcdef";
	for (int i = 0; i < SHA256_BYTES; i++) {
		hex[2 * i] = digits[digest[i] >> 4];
		hex[2 * i + 1] = digits[digest[i] & 15];
	}
	hex[2 * SHA256_BYTES] = '\0';
}

int sha256_of_fd(int fd, unsigned char digest[SHA256_BYTES])
{
	struct sha256 hash;
	unsigned char buffer[65536];
	off_t offset = 0;

	sha256_init(&hash);
	for (;;) {
		ssize_t len = pread(fd, buffer, sizeof(buffer), offset);
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return -errno;
		if (len == 0)
			break;
		sha256_update(&hash, buffer, (size_t)len);
		offset += len;
	}
	sha256_final(&hash, digest);
	return 0;
}
