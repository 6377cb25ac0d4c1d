/* SHA-256 (FIPS 180-4), with the CPU's SHA instructions where present. */
#ifndef PTWRAP_SHA256_H
#define PTWRAP_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_BYTES = 32, SHA256_HEX = 65 };

struct sha256 {
	uint32_t state[8];
	uint64_t total_bytes;
	unsigned char block[64];
};

void sha256_init(struct sha256 *hash);
void sha256_update(struct sha256 *hash, const void *data, size_t len);
void sha256_final(struct sha256 *hash, unsigned char digest[SHA256_BYTES]);

/* Lower-case hexadecimal with its NUL. */
void sha256_hex(const unsigned char digest[SHA256_BYTES], char hex[SHA256_HEX]);

/* Digest of what can be read from fd, from its beginning by pread(2). 0 or -errno. */
int sha256_of_fd(int fd, unsigned char digest[SHA256_BYTES]);

#endif
