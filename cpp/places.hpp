// Where a tile falls: the window that its sums need, and which of its rows may reach the strip. Part of kernel.cpp.
#pragma once

#include "positions.hpp"
#include "sums.hpp"

namespace mvmdb::KERNEL_ISA {

namespace {

constexpr long kSampledColumns = 8;  // how far apart positions are looked at to find where a tile falls

double turbo_side(const Job& job) { return job.pixfrac / double(float(__builtin_sqrt(job.area_ratio))); }

struct Bounds {
    double x0 = 1e300, x1 = -1e300, y0 = 1e300, y1 = -1e300;
    bool is_known = true;  // false where a position is undefined
};

// Where a tile falls, and three of its rows; without a closed form there are no such rows.
struct Place {
    Bounds all, rows[3];
    double at[3];  // numbers of these rows
    double margin;
};

void extend(Bounds& bounds, const Bounds& more) {
    bounds.x0 = more.x0 < bounds.x0 ? more.x0 : bounds.x0;
    bounds.x1 = more.x1 > bounds.x1 ? more.x1 : bounds.x1;
    bounds.y0 = more.y0 < bounds.y0 ? more.y0 : bounds.y0;
    bounds.y1 = more.y1 > bounds.y1 ? more.y1 : bounds.y1;
    bounds.is_known &= more.is_known;
}

Bounds around(const double* x, const double* y, long n) {
    Bounds bounds;
    for (long k = 0; k < n; ++k) {
        bounds.x0 = x[k] < bounds.x0 ? x[k] : bounds.x0;
        bounds.x1 = x[k] > bounds.x1 ? x[k] : bounds.x1;
        bounds.y0 = y[k] < bounds.y0 ? y[k] : bounds.y0;
        bounds.y1 = y[k] > bounds.y1 ? y[k] : bounds.y1;
        bounds.is_known &= (x[k] - x[k] == 0) & (y[k] - y[k] == 0);
    }
    return bounds;
}

double magnitude(double value) { return value < 0 ? -value : value; }

// How far a tile reaches beyond some centres of three of its rows: generously, twice a pixel and twice the bend.
double margin_beyond(const RowPositions* rows, long n, double n_columns, double n_rows) {
    double step = 0, bend = 0;
    for (long k = 0; k < n; ++k) {
        for (int axis = 0; axis < 2; ++axis) {
            const double* lines[3];
            for (int i = 0; i < 3; ++i) lines[i] = axis ? rows[i].y : rows[i].x;
            const double along = magnitude(lines[1][k] - lines[1][k + 1 < n ? k + 1 : k]) / n_columns;
            const double across = magnitude(lines[2][k] - lines[0][k]) / n_rows;
            const double off = magnitude(lines[2][k] - 2 * lines[1][k] + lines[0][k]);
            step = along > step ? along : step;
            step = across > step ? across : step;
            bend = off > bend ? off : bend;
        }
    }
    return 2 * (step + bend);
}

// Where the centres of rows start to stop - 1 and of a ring fall, widened by what their pixels reach beyond.
Place place_of(const Job& job, const Block& block, long start, long stop, Buffers& buffers) {
    Place place;
    const long first = start - 1, n_rows = stop - start + 2;
    place.margin = 2 * turbo_side(job) + 4;
    // given positions may jump; the closed form is smooth
    const long n_samples = job.mapping ? 3 : n_rows, step = job.mapping ? kSampledColumns : 1;
    long n = 0;
    for (long i = 0; i < n_samples; ++i) {
        const RowPositions& row = buffers.sampled[i % 3];
        const long j = first + i * (n_rows - 1) / (n_samples - 1);
        n = sample_row(job, block, j, step, row, buffers.mapping);
        place.rows[i % 3] = around(row.x, row.y, n);
        place.at[i % 3] = double(j);
        extend(place.all, place.rows[i % 3]);
    }
    if (job.mapping) place.margin += margin_beyond(buffers.sampled, n, double(step), double(n_rows - 1));
    place.all.x0 -= place.margin;
    place.all.y0 -= place.margin;
    place.all.x1 += place.margin;
    place.all.y1 += place.margin;
    return place;
}

// Tell whether a row of a tile may reach the strip: between two rows its centres lie between theirs.
bool may_reach(const Job& job, const Place& place, long j) {
    if (!job.mapping || !place.all.is_known) return true;
    const int upper = double(j) <= place.at[1] ? 1 : 2;
    const double span = place.at[upper] - place.at[upper - 1];
    const double part = span > 0 ? (double(j) - place.at[upper - 1]) / span : 0;
    const Bounds &a = place.rows[upper - 1], &b = place.rows[upper];
    const double low = a.y0 + part * (b.y0 - a.y0) - place.margin, high = a.y1 + part * (b.y1 - a.y1) + place.margin;
    return high >= double(job.strip.y0) && low <= double(job.strip.y0 + job.strip.ny);
}

// The columns of a tile that may reach the strip, by sixteens. A seam crosses the tiles of a rolled chip slantwise.
Block reaching_columns(const Job& job, const Block& block, const Place& place, const Buffers& buffers) {
    constexpr long kKept = 16;  // a multiple of the lanes of every instruction set
    if (!job.mapping || !place.all.is_known) return block;
    const double low = double(job.strip.y0) - place.margin;
    const double high = double(job.strip.y0 + job.strip.ny) + place.margin;
    long first = block.n, last = 0;
    for (long k = 0; k + 1 < samples_of(block, kSampledColumns); ++k) {
        Bounds between;
        for (const RowPositions& row : buffers.sampled) extend(between, around(row.x + k, row.y + k, 2));
        if (between.y1 < low || between.y0 > high) continue;
        const long column = kSampledColumns * k;  // the samples lie in the columns before it and its successor
        first = column < first ? (column ? column - 1 : 0) / kKept * kKept : first;
        last = (column + kSampledColumns + kKept - 1) / kKept * kKept;
    }
    last = last < block.n ? last : block.n;
    return {block.start + first, last > first ? last - first : 0};
}

// First and last pixel of a window along one axis: bounds within a strip and a few pixels about it.
void fit(double low, double high, long strip_start, long strip_n, long& start, long& n) {
    constexpr double kAround = 8;
    const double first = double(strip_start) - kAround, last = double(strip_start + strip_n) + kAround;
    low = low > first ? low : first;
    high = high < last ? high : last;
    start = long(low < last ? low : last) - 1;
    n = high > low ? long(high) + 2 - start : 0;
}

void place_window(const Strip& strip, const Bounds& bounds, double wider, Window& window) {
    wider = bounds.is_known ? wider : 1e300;
    fit(bounds.x0 - wider, bounds.x1 + wider, strip.x0, strip.nx, window.x0, window.nx);
    fit(bounds.y0 - wider, bounds.y1 + wider, strip.y0, strip.ny, window.y0, window.ny);
    window.low_x = double(strip.x0 - window.x0);
    window.low_y = double(strip.y0 - window.y0);
    window.high_x = window.low_x + double(strip.nx);
    window.high_y = window.low_y + double(strip.ny);
    window.is_exceeded = false;
}

bool reaches_strip(const Window& window) {
    return window.nx > 0 && window.ny > 0 && window.high_x > 0 && window.low_x < double(window.nx) &&
           window.high_y > 0 && window.low_y < double(window.ny);
}

}  // namespace

}  // namespace mvmdb::KERNEL_ISA
