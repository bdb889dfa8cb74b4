// SHA-256 (FIPS 180-4) of two messages at once.
//
// The SHA extensions' rounds wait for each other within one message; two messages in turn keep the unit busy. Everything else
// about hashing is libcrypto's.
#ifndef SHA256_TWO_H
#define SHA256_TWO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// True if this processor can, and the compiler's optimiser made it worth while. Constant while the process lives.
bool sha256_two_is_fast(void);

// True if this processor can.
bool sha256_two_works(void);

// The digests of a and b, each of `length` bytes, a multiple of 64. Only where sha256_two_works.
void sha256_two(const void *a, const void *b, size_t length, uint8_t digest_a[32], uint8_t digest_b[32]);

// The digest of a message of `length` bytes, and those of its blocks of 4096, the last one as if zeros followed it: 32 bytes each, at
// `blocks`. Reads the message once. Only where sha256_two_works.
void sha256_whole_and_blocks(const void *bytes, size_t length, uint8_t whole[32], uint8_t *blocks);

#endif
