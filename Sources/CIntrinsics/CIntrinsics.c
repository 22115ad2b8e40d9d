#include "CIntrinsics.h"

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("avx2,pclmul,popcnt"))) static uint64_t equal_bytes(
    __m256i low, __m256i high, char value) {
    __m256i values = _mm256_set1_epi8(value);
    uint32_t first = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, values));
    uint32_t second = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, values));
    return first | (uint64_t)second << 32;
}

__attribute__((target("avx2,pclmul,popcnt"))) static size_t pass_wide(
    const uint8_t *bytes, size_t count, int32_t limit, int32_t *open, bool *in_string) {
    const __m256i fold = _mm256_set1_epi8(0x20);
    const __m128i ones = _mm_set1_epi8((char)0xff);
    uint64_t carried = *in_string ? UINT64_MAX : 0;
    size_t index = 0;
    for (; index + 64 <= count; index += 64) {
        __m256i low = _mm256_loadu_si256((const __m256i *)(bytes + index));
        __m256i high = _mm256_loadu_si256((const __m256i *)(bytes + index + 32));
        if (equal_bytes(low, high, '\\') != 0) break;
        // A product without carries by all ones: each quote turns all that follows it.
        __m128i quotes = _mm_cvtsi64_si128((long long)equal_bytes(low, high, '"'));
        __m128i turned = _mm_clmulepi64_si128(quotes, ones, 0);
        uint64_t inside = (uint64_t)_mm_cvtsi128_si64(turned) ^ carried;
        // Brackets differ from braces by one bit.
        low = _mm256_or_si256(low, fold);
        high = _mm256_or_si256(high, fold);
        int opened = __builtin_popcountll(equal_bytes(low, high, '{') & ~inside);
        int closed = __builtin_popcountll(equal_bytes(low, high, '}') & ~inside);
        if (closed >= *open || *open + opened >= limit) break;
        *open += opened - closed;
        carried = inside >> 63 == 0 ? 0 : UINT64_MAX;
    }
    *in_string = carried != 0;
    return index;
}
#endif

size_t json_pass(
    const void *bytes, size_t count, int32_t limit, int32_t *open, bool *in_string) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("pclmul")
        && __builtin_cpu_supports("popcnt"))
        return pass_wide(bytes, count, limit, open, in_string);
#endif
    return 0;
}
