// Instructions that Swift has no words for.
#ifndef C_INTRINSICS_H
#define C_INTRINSICS_H

#include <stdbool.h>
#include <stddef.h>
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

/// What tells where strings, objects and arrays end among 64 bytes of JSON, bit by bit.
struct json_marks {
    uint64_t quotes, opening, closing;
    /// Whether a backslash is among them: then quotes may be escaped.
    bool has_backslash;
};

/// Reads 64 bytes once for all their marks. They need no alignment.
static inline struct json_marks json_marks(const void *bytes) {
#if defined(__SSE2__)
    const __m128i *part = (const __m128i *)bytes;
    struct json_marks marks = {0, 0, 0, false};
    __m128i backslashes = _mm_setzero_si128();
    for (int i = 0; i < 4; i++) {
        __m128i some = _mm_loadu_si128(part + i);
        // Brackets differ from braces by one bit.
        __m128i folded = _mm_or_si128(some, _mm_set1_epi8(0x20));
        uint32_t quotes = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(some, _mm_set1_epi8('"')));
        uint32_t opening = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(folded, _mm_set1_epi8('{')));
        uint32_t closing = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(folded, _mm_set1_epi8('}')));
        marks.quotes |= (uint64_t)quotes << (16 * i);
        marks.opening |= (uint64_t)opening << (16 * i);
        marks.closing |= (uint64_t)closing << (16 * i);
        backslashes = _mm_or_si128(backslashes, _mm_cmpeq_epi8(some, _mm_set1_epi8('\\')));
    }
    marks.has_backslash = _mm_movemask_epi8(backslashes) != 0;
    return marks;
#else
    struct json_marks marks = {
        byte_mask(bytes, 0, '"'), byte_mask(bytes, 0x20, '{'), byte_mask(bytes, 0x20, '}'),
        byte_mask(bytes, 0, '\\') != 0,
    };
    return marks;
#endif
}

/// Passes over 64 bytes of JSON at a time, as long as there are as many, no backslash is among them, and
/// neither end what is open nor open `limit` containers. Returns how many bytes were passed: none where
/// the processor lacks the instructions.
///
/// - open: containers that are open, at least one, and `in_string`, whether the first byte is in a string:
///   both are brought up to date.
size_t json_pass(
    const void *bytes, size_t count, int32_t limit, int32_t *open, bool *in_string);

#endif
