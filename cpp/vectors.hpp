// Vectors of doubles as wide as the instruction set has them. Every lane is one pixel and no lane knows of
// another, so that the width changes no bit of the result.
#pragma once

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace mvmdb::KERNEL_ISA {

typedef double V __attribute__((vector_size(KERNEL_BYTES)));
typedef double UnalignedV __attribute__((vector_size(KERNEL_BYTES), aligned(8)));
typedef float UnalignedF __attribute__((vector_size(KERNEL_BYTES / 2), aligned(4)));
typedef float F __attribute__((vector_size(KERNEL_BYTES / 2)));

constexpr int kLanes = KERNEL_BYTES / 8;

static inline V load(const double* from) { return *reinterpret_cast<const UnalignedV*>(from); }
static inline void store(double* to, V values) { *reinterpret_cast<UnalignedV*>(to) = values; }
static inline V load(const float* from) {
    return __builtin_convertvector(F(*reinterpret_cast<const UnalignedF*>(from)), V);
}
static inline void store(float* to, V values) {
    *reinterpret_cast<UnalignedF*>(to) = __builtin_convertvector(values, F);
}
static inline V all(double value) { return value - V{}; }
static inline V least(V a, V b) { return a < b ? a : b; }
static inline V greatest(V a, V b) { return a > b ? a : b; }

// a b + c, rounded once. Always asked for by name: what a compiler contracts by itself differs between
// instruction sets. Where the processor has no such instruction the library's function is slow, and exact.
static inline double fused(double a, double b, double c) { return __builtin_fma(a, b, c); }
static inline V fused(V a, V b, V c) {
#if defined(__AVX512F__)
    return V(_mm512_fmadd_pd(__m512d(a), __m512d(b), __m512d(c)));
#elif defined(__AVX2__)
    return V(_mm256_fmadd_pd(__m256d(a), __m256d(b), __m256d(c)));
#else
    V sum;
    for (int k = 0; k < kLanes; ++k) sum[k] = __builtin_fma(a[k], b[k], c[k]);
    return sum;
#endif
}
static inline V fused(V a, double b, V c) { return fused(a, all(b), c); }
static inline V fused(double a, V b, V c) { return fused(all(a), b, c); }
static inline V fused(V a, V b, double c) { return fused(a, b, all(c)); }
static inline V fused(double a, V b, double c) { return fused(all(a), b, all(c)); }

// The largest whole number not above.
static inline V floor(V values) {
#if defined(__AVX512F__)
    return V(_mm512_maskz_roundscale_pd(__mmask8(-1), __m512d(values), _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC));
#elif defined(__AVX2__)
    return V(_mm256_floor_pd(__m256d(values)));
#else
    for (int k = 0; k < kLanes; ++k) values[k] = __builtin_floor(values[k]);
    return values;
#endif
}

// Comparisons give a mask of whole numbers, -1 where true.
typedef long long Mask __attribute__((vector_size(KERNEL_BYTES)));

static inline bool any(Mask mask) {
#if defined(__AVX512DQ__)
    return _mm512_movepi64_mask(__m512i(mask)) != 0;
#elif defined(__AVX2__)
    return _mm256_movemask_pd(__m256d(mask)) != 0;
#elif defined(__x86_64__)
    return _mm_movemask_pd(__m128d(mask)) != 0;
#else
    long long joined = 0;
    for (int k = 0; k < kLanes; ++k) joined |= mask[k];
    return joined != 0;
#endif
}

// Floats: numbers of a and b by turns; and those at even or odd places of two vectors.
typedef float Pairs __attribute__((vector_size(KERNEL_BYTES)));
typedef float UnalignedPairs __attribute__((vector_size(KERNEL_BYTES), aligned(4)));
typedef int PairsMask __attribute__((vector_size(KERNEL_BYTES)));
typedef int UnalignedInts __attribute__((vector_size(KERNEL_BYTES), aligned(4)));

#if KERNEL_BYTES == 64
static inline Pairs interleaved(F a, F b) {
    return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
}
static inline Pairs even_places(Pairs a, Pairs b) {
    return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
}
static inline Pairs odd_places(Pairs a, Pairs b) {
    return __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
}
#elif KERNEL_BYTES == 32
static inline Pairs interleaved(F a, F b) { return __builtin_shufflevector(a, b, 0, 4, 1, 5, 2, 6, 3, 7); }
static inline Pairs even_places(Pairs a, Pairs b) {
    return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14);
}
static inline Pairs odd_places(Pairs a, Pairs b) {
    return __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15);
}
#else
static inline Pairs interleaved(F a, F b) { return __builtin_shufflevector(a, b, 0, 2, 1, 3); }
static inline Pairs even_places(Pairs a, Pairs b) { return __builtin_shufflevector(a, b, 0, 2, 4, 6); }
static inline Pairs odd_places(Pairs a, Pairs b) { return __builtin_shufflevector(a, b, 1, 3, 5, 7); }
#endif

static inline bool any_of(PairsMask mask) {
#if defined(__AVX512DQ__)
    return _mm512_movepi32_mask(__m512i(mask)) != 0;
#elif defined(__AVX2__)
    return _mm256_movemask_ps(__m256(mask)) != 0;
#elif defined(__x86_64__)
    return _mm_movemask_ps(__m128(mask)) != 0;
#else
    int joined = 0;
    for (int k = 0; k < KERNEL_BYTES / 4; ++k) joined |= mask[k];
    return joined != 0;
#endif
}

// As many whole numbers, and the numbers that big-endian ones stand for.
typedef unsigned Words __attribute__((vector_size(KERNEL_BYTES)));
typedef unsigned UnalignedWords __attribute__((vector_size(KERNEL_BYTES), aligned(4)));
typedef unsigned short UnalignedHalves __attribute__((vector_size(KERNEL_BYTES / 2), aligned(2)));

static inline Words swapped(Words words) {
    return (((words << 8) | (words >> 24)) & 0x00FF00FFu) | (((words << 24) | (words >> 8)) & 0xFF00FF00u);
}

// Whole numbers from 0 to 2^52 - 1: with 2^52 added, they stand in the last bits.
typedef long long Offsets __attribute__((vector_size(KERNEL_BYTES)));
static inline Offsets whole_numbers(V values) {
    return Offsets(values + 4503599627370496.0) - 0x4330000000000000LL;
}

static inline long padded(long n) { return (n + 7) / 8 * 8 + 8; }

}  // namespace mvmdb::KERNEL_ISA
