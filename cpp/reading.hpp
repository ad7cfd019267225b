// Rows of a chip as they are drizzled: flux in an output pixel, and weight, 0 where a pixel is masked.
#pragma once

#include "kernel.hpp"
#include "vectors.hpp"

namespace mvmdb::KERNEL_ISA {

// Some columns of the input.
struct Block {
    long start, n;
};

struct Row {
    float *flux, *weight, *variance;  // 0 where nothing is to be added; weight also for some pixels beyond the row
};

static inline bool is_finite(float value) { return value - value == 0.0f; }

static inline float float_of(unsigned bits) {
    float value;
    __builtin_memcpy(&value, &bits, sizeof value);
    return value;
}

// Rows lie too far apart for the processor to see the next one coming.
template <typename T>
static inline void fetch(const T* row, long n) {
    for (long k = 0; k < n; k += 64 / long(sizeof(T))) __builtin_prefetch(row + k);
}

// A row of decoded pixels; tell whether any is good.
static bool copy_row(const Job& job, const Block& block, long j, const Row& to) {
    const float* rate = job.rate + j * job.rate_stride + block.start;
    const float* weight = job.weight + j * job.weight_stride + block.start;
    const float area_ratio = float(job.area_ratio);
    int any = 0;
    if (j + 1 < job.ny) {
        fetch(rate + job.rate_stride, block.n);
        fetch(weight + job.weight_stride, block.n);
    }
    for (long k = 0; k < block.n; ++k) {
        const bool good = (weight[k] > 0) & is_finite(weight[k]) & is_finite(rate[k]);
        to.weight[k] = good ? weight[k] : 0.0f;
        to.flux[k] = good ? rate[k] * area_ratio : 0.0f;
        any |= good;
    }
    if (any && job.variance) {
        const float* variance = job.variance + j * job.variance_stride + block.start;
        for (long k = 0; k < block.n; ++k)
            to.variance[k] = to.weight[k] > 0 ? variance[k] * (area_ratio * area_ratio) : 0.0f;
    }
    return any;
}

// The same of pixels as they stand in a file.
static bool decode_row(const Job& job, const Block& block, long j, const Row& to) {
    constexpr long kDecoded = KERNEL_BYTES / 4;  // pixels at a time
    const StoredRows& rows = *job.stored;
    const unsigned* science = rows.science + j * rows.science_stride + block.start;
    const unsigned short* flags = rows.flags + j * rows.flags_stride + block.start;
    const unsigned short rejecting = __builtin_bswap16(rows.rejecting);
    const float factor = rows.factor, flux_scale = rows.flux_scale, sky = rows.sky, exptime = rows.exptime;
    const float area_ratio = float(job.area_ratio);
    if (j + 1 < job.ny) {
        fetch(science + rows.science_stride, block.n);
        fetch(flags + rows.flags_stride, block.n);
    }
    PairsMask any_good = {};
    long k = 0;
    for (; k + kDecoded <= block.n; k += kDecoded) {
        const Words flag = __builtin_convertvector(*reinterpret_cast<const UnalignedHalves*>(flags + k), Words);
        const Pairs stored = Pairs(swapped(*reinterpret_cast<const UnalignedWords*>(science + k)));
        const Pairs rate = stored * factor * flux_scale - sky;
        const PairsMask good = PairsMask((flag & rejecting) == 0u) & (rate - rate == 0.0f);
        *reinterpret_cast<UnalignedPairs*>(to.weight + k) = good ? exptime - Pairs{} : Pairs{};
        *reinterpret_cast<UnalignedPairs*>(to.flux + k) = good ? rate * area_ratio : Pairs{};
        any_good |= good;
    }
    int any = any_of(any_good);
    for (; k < block.n; ++k) {
        const float rate = float_of(__builtin_bswap32(science[k])) * factor * flux_scale - sky;
        const bool good = ((flags[k] & rejecting) == 0) & is_finite(rate);
        to.weight[k] = good ? exptime : 0.0f;
        to.flux[k] = good ? rate * area_ratio : 0.0f;
        any |= good;
    }
    return any;
}

// Read a row; tell whether any of its pixels is good.
static inline bool read_row(const Job& job, const Block& block, long j, const Row& to) {
    for (long k = block.n; k < block.n + kLanes; ++k) to.weight[k] = 0;
    return job.stored ? decode_row(job, block, j, to) : copy_row(job, block, j, to);
}

}  // namespace mvmdb::KERNEL_ISA
