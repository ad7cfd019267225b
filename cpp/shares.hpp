// The shares of input pixels in the output pixels about them, and how many of these there are. Part of kernel.cpp.
#pragma once

#include "positions.hpp"
#include "vectors.hpp"

namespace mvmdb::KERNEL_ISA {

namespace {

// Positions are known to this part of an output pixel. What reaches less far into a column or row of output pixels
// does not reach it: where frames are aligned, rounding would decide.
constexpr double kReach = 1e-8;
// Overlaps of less than this part of an input pixel are rounding of the areas.
constexpr double kSliver = 1e-14;
constexpr double kNearlyZero = 1e-14;

// Output pixels between the edge of the first one and a position relative to it.
V pixels_up_to(V high) { return greatest(floor(high - kReach), V{}) + 1.0; }

// Take the corners relative to the first output pixel; return how many output pixels they reach across.
V make_local(V (&corner)[4], V& first, double box_start) {
    const V low = least(least(corner[0], corner[1]), least(corner[2], corner[3]));
    const V high = greatest(greatest(corner[0], corner[1]), greatest(corner[2], corner[3]));
    const V pixel = floor(low + (0.5 + kReach));
    first = pixel - box_start;
    for (V& value : corner) value = (value - pixel) + 0.5;
    return pixels_up_to((high - pixel) + 0.5);
}

// One side of the quadrilaterals as x(t) = x + slope t above y, t from 0 to height.
struct Side {
    V x, y, height, half_slope, per_x, sign;
    V lean, half_slope_lean;  // lean is 1, and -1 where the side leans to the left, times the sign
    Mask leans_right;
};

Side side_between(V x0, V y0, V x1, V y1) {
    const auto down = y1 < y0;
    const V x = down ? x1 : x0, y = down ? y1 : y0, across = (down ? x0 : x1) - x;
    const V height = (down ? y0 : y1) - y;
    const V safe_height = greatest(height, all(kNearlyZero));
    const V safe_across = across * across > 1e-60 ? across : all(1e-30);
    const V inverse = 1.0 / (safe_across * safe_height);
    const V slope = safe_across * safe_across * inverse, per_x = safe_height * safe_height * inverse;
    const V one = all(1), sign = down ? -one : one, half_slope = 0.5 * slope;
    const Mask leans_right = slope >= 0.0;
    const V lean = leans_right ? sign : -sign;
    return {x, y, height, half_slope, per_x, sign, lean, half_slope * lean, leans_right};
}

// Areas of the quadrilaterals left of x = X and below y = Y, for X, Y = 1 ... n.
//
// By Green: the sum over the sides of the integral of min(x, X) dy over what lies below Y. Where a side leans
// to the right, x < X holds from its lower end up to t = (X - x) / slope, else from there to its upper end.
// Where X is at or beyond the rightmost corner the area does not depend on it: it is taken from the sum
// without X, so that it has the same bits for every X and every n.
inline __attribute__((always_inline)) void areas_below(const Corners& c, V columns, int n, V* area) {
    Side sides[4];
    for (int s = 0; s < 4; ++s) sides[s] = side_between(c.x[s], c.y[s], c.x[(s + 1) & 3], c.y[(s + 1) & 3]);
#pragma GCC unroll 8
    for (int row = 1; row <= n; ++row) {
        V whole = {}, leaning_left = {}, rising = {}, tops[4];
#pragma GCC unroll 4
        for (int s = 0; s < 4; ++s) {
            const Side& side = sides[s];
            // nothing lies above the last row
            const V top = row == n ? side.height : greatest(least(double(row) - side.y, side.height), V{});
            const V height = side.sign * top;
            const V integral = height * fused(side.half_slope, top, side.x);
            whole += integral;
            leaning_left += side.leans_right ? V{} : integral;
            rising += side.leans_right ? height : V{};
            tops[s] = top;
        }
#pragma GCC unroll 8
        for (int column = 1; column < n; ++column) {
            V below = fused(rising, double(column), leaning_left);
#pragma GCC unroll 4
            for (int s = 0; s < 4; ++s) {
                const Side& side = sides[s];
                const V gap = double(column) - side.x;
                const V turn = least(greatest(gap * side.per_x, V{}), tops[s]);
                below = fused(turn, fused(side.half_slope_lean, turn, -(gap * side.lean)), below);
            }
            area[(row - 1) * n + column - 1] = columns > double(column) ? below : whole;
        }
        area[(row - 1) * n + n - 1] = whole;
    }
}

// Weights in each of n x n output pixels, from the areas left of and below their upper corners.
inline __attribute__((always_inline)) void shares_of(const V* area, V weight, int n, float* shares) {
    const V total = area[n * n - 1];
    const V per_area = total * total > 1e-60 ? 1.0 / total : V{};
#pragma GCC unroll 8
    for (int row = 0; row < n; ++row) {
#pragma GCC unroll 8
        for (int column = 0; column < n; ++column) {
            V cell = area[row * n + column];
            if (column) cell -= area[row * n + column - 1];
            if (row) cell -= area[(row - 1) * n + column];
            if (row && column) cell += area[(row - 1) * n + column - 1];
            const V part = cell * per_area;
            store(shares + (row * n + column) * kLanes, part > kSliver ? part * weight : V{});
        }
    }
}

template <int kN>
__attribute__((noinline)) void square_shares(const Corners& corners, V columns, V weight, float* shares) {
    V area[kN * kN];
    areas_below(corners, columns, kN, area);
    shares_of(area, weight, kN, shares);
}

// Any number of output pixels on a side.
void wide_shares(const Corners& corners, V columns, V weight, long n, float* shares, V* area) {
    areas_below(corners, columns, int(n), area);
    shares_of(area, weight, int(n), shares);
}

// Overlap of [low, high] with the output pixel that begins at `edge`.
V overlap(V low, V high, double edge) {
    return greatest(least(high, all(edge + 1)) - greatest(low, all(edge)), V{});
}

struct Span {
    V low, high;
};

void turbo_shares(const Span& x, const Span& y, V weight, long n, float* shares) {
    const V per_area = 1.0 / ((x.high - x.low) * (y.high - y.low));
    for (long row = 0; row < n; ++row) {
        const V high = overlap(y.low, y.high, double(row)) * per_area;
        for (long column = 0; column < n; ++column) {
            const V part = overlap(x.low, x.high, double(column)) * high;
            store(shares + (row * n + column) * kLanes, part > kSliver ? part * weight : V{});
        }
    }
}

// From the first output pixel on, cut to the output pixels that are reached.
Span span_of(V centre, double side, double box_start, V& first, V& n) {
    const V low = centre - 0.5 * side, pixel = floor(low + (0.5 + kReach));
    const V inside = greatest((low - pixel) + 0.5, V{});
    first = pixel - box_start;
    n = pixels_up_to(inside + side);
    return {inside, least(inside + side, n)};
}

}  // namespace

}  // namespace mvmdb::KERNEL_ISA
