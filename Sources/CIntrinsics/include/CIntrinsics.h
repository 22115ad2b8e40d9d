// Instructions that Swift has no words for.
#ifndef C_INTRINSICS_H
#define C_INTRINSICS_H

#include <stdint.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#endif

/// Asks for the cache line at `bytes`, which need not be there, ahead of its use.
static inline void prefetch_line(const void *bytes) { __builtin_prefetch(bytes); }

/// Bit i tells whether byte i of the 64 at `bytes`, with the bits of `fold` set, is `value`. They
/// need no alignment.
static inline uint64_t byte_mask(const void *bytes, uint8_t fold, uint8_t value) {
#if defined(__SSE2__)
    const __m128i *part = (const __m128i *)bytes;
    const __m128i folds = _mm_set1_epi8((char)fold), values = _mm_set1_epi8((char)value);
    uint64_t mask = 0;
    for (int i = 0; i < 4; i++) {
        __m128i folded = _mm_or_si128(_mm_loadu_si128(part + i), folds);
        uint32_t bits = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(folded, values));
        mask |= (uint64_t)bits << (16 * i);
    }
    return mask;
#elif defined(__ARM_NEON) && defined(__aarch64__)
    // Each byte of a comparison keeps the bit of its place; sums of neighbours join eight to one.
    static const uint8_t places[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8_t *first = (const uint8_t *)bytes;
    const uint8x16_t folds = vdupq_n_u8(fold), values = vdupq_n_u8(value);
    const uint8x16_t bit = vld1q_u8(places);
    uint8x16_t found[4];
    for (int i = 0; i < 4; i++)
        found[i] = vandq_u8(vceqq_u8(vorrq_u8(vld1q_u8(first + 16 * i), folds), values), bit);
    uint8x16_t joined =
        vpaddq_u8(vpaddq_u8(found[0], found[1]), vpaddq_u8(found[2], found[3]));
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(joined, joined)), 0);
#else
    uint64_t mask = 0;
    const uint8_t *first = (const uint8_t *)bytes;
    for (int i = 0; i < 64; i++)
        mask |= (uint64_t)((first[i] | fold) == value) << i;
    return mask;
#endif
}

#endif
