/* The CPU's own SHA-256 instructions, where this machine and this build know any. */
#ifndef PTWRAP_ARCH_SHA256_H
#define PTWRAP_ARCH_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The round constants of FIPS 180-4, 4.2.2; 16-byte aligned. Defined in sha256.c. */
extern const uint32_t sha256_constants[64];

/* Folds whole blocks of 64 bytes into the state, in portable C. */
void sha256_portable_blocks(uint32_t state[8], const unsigned char *data, size_t blocks);

#if defined(__x86_64__)
/* May sha256_arch_blocks be called on this CPU? */
bool sha256_arch_usable(void);
void sha256_arch_blocks(uint32_t state[8], const unsigned char *data, size_t blocks);
#else
static inline bool sha256_arch_usable(void)
{
	return false;
}
static inline void sha256_arch_blocks(uint32_t state[8], const unsigned char *data, size_t blocks)
{
	sha256_portable_blocks(state, data, blocks);
}
#endif

#endif
