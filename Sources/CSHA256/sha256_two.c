#include "sha256_two.h"

#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

static const uint32_t constants[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

// The state as the SHA instructions want it.
struct lane {
    __m128i abef, cdgh;
};

// AVX2 for its instructions of three operands: half of the moves.
#define WITH_SHA __attribute__((target("sha,avx2")))

WITH_SHA static inline __m128i load_words(const uint8_t *at) {
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    return _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)at), big_endian);
}

// Four rounds; w: their four words of the message schedule.
WITH_SHA static inline void four_rounds(struct lane *s, __m128i w, int round) {
    __m128i k = _mm_add_epi32(w, _mm_load_si128((const __m128i *)(constants + round)));
    s->cdgh = _mm_sha256rnds2_epu32(s->cdgh, s->abef, k);
    s->abef = _mm_sha256rnds2_epu32(s->abef, s->cdgh, _mm_shuffle_epi32(k, 0x0e));
}

// The next four words from the last sixteen.
WITH_SHA static inline __m128i next_words(__m128i w0, __m128i w1, __m128i w2, __m128i w3) {
    __m128i t = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4));
    return _mm_sha256msg2_epu32(t, w3);
}

WITH_SHA static void compress(struct lane *s, struct lane *t, const uint8_t *a, const uint8_t *b, size_t blocks) {
    struct lane s0 = *s, t0 = *t;
    for (; blocks > 0; blocks--, a += 64, b += 64) {
        struct lane s1 = s0, t1 = t0;
        __m128i v[4], w[4];
#pragma clang loop unroll(full)
        for (int i = 0; i < 4; i++) {
            v[i] = load_words(a + 16 * i);
            w[i] = load_words(b + 16 * i);
            four_rounds(&s1, v[i], 4 * i);
            four_rounds(&t1, w[i], 4 * i);
        }
#pragma clang loop unroll(full)
        for (int i = 4; i < 16; i++) {
            v[i & 3] = next_words(v[i & 3], v[(i + 1) & 3], v[(i + 2) & 3], v[(i + 3) & 3]);
            w[i & 3] = next_words(w[i & 3], w[(i + 1) & 3], w[(i + 2) & 3], w[(i + 3) & 3]);
            four_rounds(&s1, v[i & 3], 4 * i);
            four_rounds(&t1, w[i & 3], 4 * i);
        }
        s0.abef = _mm_add_epi32(s0.abef, s1.abef);
        s0.cdgh = _mm_add_epi32(s0.cdgh, s1.cdgh);
        t0.abef = _mm_add_epi32(t0.abef, t1.abef);
        t0.cdgh = _mm_add_epi32(t0.cdgh, t1.cdgh);
    }
    *s = s0;
    *t = t0;
}

WITH_SHA static void put_digest(const struct lane *s, uint8_t digest[32]) {
    uint32_t abef[4], cdgh[4];
    _mm_storeu_si128((__m128i *)abef, s->abef);
    _mm_storeu_si128((__m128i *)cdgh, s->cdgh);
    // From the lowest element: F E B A, and H G D C.
    const uint32_t words[8] = {abef[3], abef[2], cdgh[3], cdgh[2], abef[1], abef[0], cdgh[1], cdgh[0]};
    for (int i = 0; i < 8; i++) {
        uint32_t big_endian = __builtin_bswap32(words[i]);
        memcpy(digest + 4 * i, &big_endian, 4);
    }
}

WITH_SHA static inline struct lane first_state(void) {
    return (struct lane){
        _mm_set_epi32(0x6a09e667, (int)0xbb67ae85, 0x510e527f, (int)0x9b05688c),
        _mm_set_epi32(0x3c6ef372, (int)0xa54ff53a, 0x1f83d9ab, 0x5be0cd19),
    };
}

// One message alone; the other lane idles along.
WITH_SHA static void compress_one(struct lane *s, const uint8_t *a, size_t blocks) {
    struct lane idle = *s;
    compress(s, &idle, a, a, blocks);
}

// The end of a message of `length` bytes of which the last length % 64 are at `rest`.
WITH_SHA static void finish(struct lane *s, const uint8_t *rest, uint64_t length) {
    uint8_t last[128] = {0};
    size_t count = length % 64, end = count < 56 ? 64 : 128;
    memcpy(last, rest, count);
    last[count] = 0x80;
    uint64_t bits = __builtin_bswap64(length * 8);
    memcpy(last + end - 8, &bits, 8);
    compress_one(s, last, end / 64);
}

WITH_SHA void sha256_whole_and_blocks(const void *bytes, size_t length, uint8_t whole[32], uint8_t *blocks) {
    const uint8_t *at = bytes;
    struct lane s = first_state();
    size_t left = length;
    for (; left >= 4096; left -= 4096, at += 4096, blocks += 32) {
        struct lane t = first_state();
        compress(&s, &t, at, at, 64);
        finish(&t, at, 4096);
        put_digest(&t, blocks);
    }
    if (left > 0) {
        uint8_t padded[4096] = {0};
        memcpy(padded, at, left);
        struct lane t = first_state();
        compress(&s, &t, padded, padded, left / 64);
        compress_one(&t, padded + left / 64 * 64, 64 - left / 64);
        finish(&t, padded, 4096);
        put_digest(&t, blocks);
    }
    finish(&s, at + left / 64 * 64, length);
    put_digest(&s, whole);
}

WITH_SHA void sha256_two(const void *a, const void *b, size_t length, uint8_t digest_a[32], uint8_t digest_b[32]) {
    struct lane s = first_state(), t = s;
    compress(&s, &t, a, b, length / 64);
    // The padding of a whole number of blocks is a block of its own: one bit, zeros, the length in bits.
    uint8_t padding[64] = {0x80};
    uint64_t bits = __builtin_bswap64((uint64_t)length * 8);
    memcpy(padding + 56, &bits, 8);
    compress(&s, &t, padding, padding, 1);
    put_digest(&s, digest_a);
    put_digest(&t, digest_b);
}

bool sha256_two_works(void) {
    __builtin_cpu_init();
    unsigned a, b, c, d;
    // AVX2 also has to be the system's; leaf 7, ebx: SHA.
    return __builtin_cpu_supports("avx2") && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}

#else

void sha256_two(const void *a, const void *b, size_t length, uint8_t digest_a[32], uint8_t digest_b[32]) { __builtin_trap(); }

void sha256_whole_and_blocks(const void *bytes, size_t length, uint8_t whole[32], uint8_t *blocks) { __builtin_trap(); }

bool sha256_two_works(void) { return false; }

#endif

bool sha256_two_is_fast(void) {
#ifdef __OPTIMIZE__
    return sha256_two_works();
#else
    return false;
#endif
}
