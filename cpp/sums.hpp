// The sums of a tile: what falls on each output pixel is added to them, and they are added to a strip.
// Part of kernel.cpp.
#pragma once

#include "kernel.hpp"
#include "vectors.hpp"

namespace mvmdb::KERNEL_ISA {

namespace {

// Up to this many output pixels on a side, overlaps are unrolled and held on the stack.
constexpr long kUnrolled = 6;
constexpr long kLargest = 256;  // more output pixels on a side are refused

typedef float Sums2 __attribute__((vector_size(8), aligned(4)));
typedef float Sums4 __attribute__((vector_size(16), aligned(4)));

struct Group {
    V column, row;  // first output pixel, from the first of the box
    V weight;       // 0 where there is nothing to add
    const float *flux, *variance;
};

// Sums over a tile. What reaches the strip must lie within; where something does not, the tile is done again with
// more room.
struct Window {
    long x0 = 0, y0 = 0, nx = 0, ny = 0;
    double low_x, high_x, low_y, high_y;  // the strip, from the first pixel of the window
    float* sums = nullptr;  // (ny, nx, 2, or 4 with variance): flux, weight, variance, unused; zero between tiles
    bool is_exceeded = false;
    unsigned long n_held = 0;

    ~Window() { __builtin_free(sums); }

    bool make_room(long n_planes) {
        const auto wanted = static_cast<unsigned long>(nx) * static_cast<unsigned long>(ny * n_planes);
        if (wanted <= n_held) return true;
        __builtin_free(sums);
        sums = static_cast<float*>(__builtin_calloc(wanted, sizeof(float)));
        n_held = sums ? wanted : 0;
        return sums != nullptr;
    }
};

// Drop what has no position or does not reach the strip; return the output pixels that the rest needs on a side.
inline __attribute__((always_inline)) long select(const Window& window, Group& group, V wide, V high) {
    const Mask reaches = (group.column < window.high_x) & (group.row < window.high_y) &
                         (group.column + wide > window.low_x) & (group.row + high > window.low_y) &
                         (group.weight > 0.0);
    group.weight = reaches ? group.weight : V{};
    const V needed = reaches ? greatest(wide, high) : V{};
    if (!any(needed > 3.0)) return any(needed > 2.0) ? 3 : any(needed > 1.0) ? 2 : any(reaches) ? 1 : 0;
    double extent = 0;
    for (int k = 0; k < kLanes; ++k) extent = needed[k] > extent ? needed[k] : extent;
    return extent > double(kLargest) ? kLargest + 1 : long(extent);
}

// Tell whether an output pixel of the strip lies outside the window.
bool exceeds(const Window& window, double column, double row, double n) {
    const double x0 = column > window.low_x ? column : window.low_x, y0 = row > window.low_y ? row : window.low_y;
    const double x1 = column + n < window.high_x ? column + n : window.high_x;
    const double y1 = row + n < window.high_y ? row + n : window.high_y;
    return x0 < x1 && y0 < y1 && (x0 < 0 || y0 < 0 || x1 > double(window.nx) || y1 > double(window.ny));
}

// Add what falls on n x n output pixels (shares[cell * kLanes + lane]), in the order of the lanes.
template <bool kVariance>
void add(Window& window, const Group& group, const float* shares, long n) {
    constexpr long kPlanes = kVariance ? 4 : 2;
    for (int k = 0; k < kLanes; ++k) {
        if (!(group.weight[k] > 0)) continue;
        window.is_exceeded |= exceeds(window, group.column[k], group.row[k], double(n));
        const long column = long(group.column[k]), row = long(group.row[k]);
        const long r0 = row < 0 ? -row : 0, r1 = row + n > window.ny ? window.ny - row : n;
        const long c0 = column < 0 ? -column : 0, c1 = column + n > window.nx ? window.nx - column : n;
        for (long r = r0; r < r1; ++r) {
            float* sums = window.sums + kPlanes * ((row + r) * window.nx + column);
            const float* share = shares + r * n * kLanes + k;
            for (long c = c0; c < c1; ++c) {
                const float w = share[c * kLanes];
                if constexpr (kVariance) {
                    if (w == 0) continue;  // its variance may be NaN
                    const Sums4 part = {w * group.flux[k], w, w * w * group.variance[k], 0};
                    *reinterpret_cast<Sums4*>(sums + 4 * c) += part;
                } else {
                    const Sums2 part = {w * group.flux[k], w};
                    *reinterpret_cast<Sums2*>(sums + 2 * c) += part;
                }
            }
        }
    }
}

// A load that overlaps with what has just been stored, but not wholly, waits for long. So every output pixel is loaded
// and stored alone.
template <long kN>
void add_inside(const Window& window, const Group& group, const float* shares) {
    Pairs parts[kN * kN];  // of every output pixel flux and weight, lane by lane
    const F flux = *reinterpret_cast<const UnalignedF*>(group.flux);
    for (long cell = 0; cell < kN * kN; ++cell) {
        const F w = *reinterpret_cast<const UnalignedF*>(shares + cell * kLanes);
        parts[cell] = interleaved(w * flux, w);
    }
    const V nowhere = {};  // where weight is 0, nothing is added to the first output pixels
    const Offsets offsets =
        whole_numbers(group.weight > 0.0 ? group.row * double(window.nx) + group.column : nowhere);
    const long stride = 2 * window.nx;
    for (int k = 0; k < kLanes; ++k) {
        float* sums = window.sums + 2 * offsets[k];
        const Sums2* part = reinterpret_cast<const Sums2*>(parts) + k;
#pragma GCC unroll 8
        for (long r = 0; r < kN; ++r, sums += stride) {
#pragma GCC unroll 8
            for (long c = 0; c < kN; ++c) *reinterpret_cast<Sums2*>(sums + 2 * c) += part[(r * kN + c) * kLanes];
        }
    }
}

bool is_inside(const Window& window, const Group& group, long n) {
    const Mask outside = (group.column < 0.0) | (group.row < 0.0) |
                         (group.column > double(window.nx - n)) | (group.row > double(window.ny - n));
    return !any(outside & (group.weight > 0.0));
}

void add_shares(const Job& job, Window& window, const Group& group, const float* shares, long n) {
    if (job.variance) return add<true>(window, group, shares, n);
    if (n <= kUnrolled && is_inside(window, group, n)) {
        switch (n) {
            case 1: return add_inside<1>(window, group, shares);
            case 2: return add_inside<2>(window, group, shares);
            case 3: return add_inside<3>(window, group, shares);
            case 4: return add_inside<4>(window, group, shares);
            case 5: return add_inside<5>(window, group, shares);
            default: return add_inside<kUnrolled>(window, group, shares);
        }
    }
    add<false>(window, group, shares, n);
}

constexpr long kMerged = KERNEL_BYTES / 4;  // pixels at a time

// Add one pixel to the running weighted mean.
template <long kPlanes>
void merge_pixel(const float* sums, const Strip& strip, long at) {
    const float w = sums[1];
    if (!(w > 0)) return;
    const float before = strip.weight[at], total = before + w, science = strip.science[at], inverse = 1 / total;
    strip.weight[at] = total;
    strip.science[at] = science + (sums[0] - w * science) * inverse;
    strip.context[at] |= strip.bit;
    if constexpr (kPlanes == 4) {
        const float rest = before * inverse;
        strip.variance[at] = strip.variance[at] * (rest * rest) + sums[2] * (inverse * inverse);
    }
}

// The same for kMerged pixels; sums are cleared.
void merge_and_clear(float* sums, const Strip& strip, long at) {
    UnalignedPairs* const from = reinterpret_cast<UnalignedPairs*>(sums);
    const Pairs low = from[0], high = from[1], w = odd_places(low, high);
    const PairsMask reached = w > 0.0f;
    if (!any_of(reached)) return;
    UnalignedPairs& weight = *reinterpret_cast<UnalignedPairs*>(strip.weight + at);
    UnalignedPairs& science = *reinterpret_cast<UnalignedPairs*>(strip.science + at);
    UnalignedInts& context = *reinterpret_cast<UnalignedInts*>(strip.context + at);
    const Pairs before = science, total = weight + w, inverse = 1.0f / total;
    const Pairs after = before + (even_places(low, high) - w * before) * inverse;
    weight = total;
    science = reached ? after : before;
    context |= reached & strip.bit;
    from[0] = from[1] = Pairs{};
}

void clear(float* sums, long n) { __builtin_memset(sums, 0, static_cast<unsigned long>(n) * sizeof(float)); }

// Add some pixels of a row of a window to the strip, and clear them.
template <long kPlanes>
void merge_row(float* sums, const Strip& strip, long at, long n) {
    long k = 0;
    if constexpr (kPlanes == 2) {
        for (; k + kMerged <= n; k += kMerged) merge_and_clear(sums + 2 * k, strip, at + k);
    }
    for (long rest = k; rest < n; ++rest) merge_pixel<kPlanes>(sums + kPlanes * rest, strip, at + rest);
    clear(sums + kPlanes * k, kPlanes * (n - k));
}

// Add a window to its strip, and clear it.
template <long kPlanes>
void merge_window(const Window& window, const Strip& strip) {
    const long x0 = window.low_x > 0 ? long(window.low_x) : 0, y0 = window.low_y > 0 ? long(window.low_y) : 0;
    const long x1 = window.high_x < double(window.nx) ? long(window.high_x) : window.nx;
    const long y1 = window.high_y < double(window.ny) ? long(window.high_y) : window.ny;
    const long stride = kPlanes * window.nx;
    clear(window.sums, stride * y0);
    for (long y = y0; y < y1; ++y) {
        float* sums = window.sums + stride * y;
        const long at = (y + window.y0 - strip.y0) * strip.stride + window.x0 - strip.x0 + x0;
        clear(sums, kPlanes * x0);
        merge_row<kPlanes>(sums + kPlanes * x0, strip, at, x1 - x0);
        clear(sums + kPlanes * x1, kPlanes * (window.nx - x1));
    }
    clear(window.sums + stride * y1, stride * (window.ny - y1));
}

}  // namespace

}  // namespace mvmdb::KERNEL_ISA
