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

// The largest whole number not above; adding 1.5 * 2^52 leaves no room for a fraction.
static inline V floor(V values) {
    const V shift = all(6755399441055744.0);
    const V rounded = (values + shift) - shift;
    return rounded > values ? rounded - 1.0 : rounded;
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

static inline long padded(long n) { return (n + 7) / 8 * 8 + 8; }

}  // namespace mvmdb::KERNEL_ISA
