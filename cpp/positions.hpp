// Where the rows of a chip fall: the centres of their pixels, and the corners that pixels have in common.
// Part of kernel.cpp.
#pragma once

#include "kernel.hpp"
#include "reading.hpp"
#include "vectors.hpp"

namespace mvmdb::KERNEL_ISA {

long map_scratch();
void map_row(const Mapping&, double x0, double step, double y, long n, double* x_out, double* y_out, double* scratch);

namespace {

// Columns of the input that are looked at side by side.
constexpr long kBlock = 128;
// Rows from one kink of HST's lookup tables to the next. The first stretch of the chip begins in row -1, with a kink.
constexpr long kStretch = 64;

// One row of positions, and half a pixel fraction to the left and to the right of them.
struct RowPositions {
    long row;  // of the input array, -1 for the ring before; kNoRow where nothing is held
    double *x, *y, *left_x, *left_y, *right_x, *right_y;
};
constexpr long kNoRow = -1000;

// With pixels that fill their place: the corners that two rows have in common.
struct CornerRow {
    long row;  // above these corners
    double *x, *y;
};

struct Buffers {
    Row row;
    RowPositions held[3], sampled[3], nodes[4];
    CornerRow corners[2];
    double* mapping;
    Block columns = {0, -1};  // of the rows that are held
};

// Some pixels side by side, relative to output pixel (column, row) of each.
struct Corners {
    V x[4], y[4];  // in cyclic order, 0 at the outer edge of the first output pixel
};

template <typename T>
T* take(double*& scratch, long n) {
    T* taken = reinterpret_cast<T*>(scratch);
    scratch += padded((n * long(sizeof(T)) + 7) / 8);
    return taken;
}

long drizzle_scratch() { return 39 * padded(kBlock + 2) + padded(map_scratch()); }

// Hold rows of some columns from now on; those of others are dropped.
void keep_columns(const Block& columns, Buffers& buffers) {
    if (columns.start == buffers.columns.start && columns.n == buffers.columns.n) return;
    buffers.columns = columns;
    for (RowPositions& row : buffers.held) row.row = kNoRow;
    for (RowPositions& row : buffers.nodes) row.row = kNoRow;
    for (CornerRow& row : buffers.corners) row.row = kNoRow;
}

// Room for the rows of a block, of which none is held.
Buffers lay_out(const Job& job, const Block& block) {
    Buffers buffers;
    double* scratch = job.scratch;
    const long n = kBlock + 2;
    buffers.row = {take<float>(scratch, n), take<float>(scratch, n), take<float>(scratch, n)};
    for (RowPositions& row : buffers.held) {
        double** const lines[] = {&row.x, &row.y, &row.left_x, &row.left_y, &row.right_x, &row.right_y};
        for (double** line : lines) *line = take<double>(scratch, n);
    }
    for (CornerRow& row : buffers.corners) {
        row.x = take<double>(scratch, n);
        row.y = take<double>(scratch, n);
    }
    for (RowPositions& row : buffers.sampled) {
        row.x = take<double>(scratch, n);
        row.y = take<double>(scratch, n);
    }
    for (RowPositions& row : buffers.nodes) {
        row.x = take<double>(scratch, n);
        row.y = take<double>(scratch, n);
    }
    buffers.mapping = take<double>(scratch, map_scratch());
    keep_columns(block, buffers);
    return buffers;
}

// How far a position lies beyond the last multiple of a step.
long remainder(long position, long step) { return (position % step + step) % step; }

// Of so many columns one, from the ring to the ring or beyond.
long samples_of(const Block& block, long step) { return (block.n + step) / step + 1; }

// Positions of every so many centres of row j; tell how many.
long sample_row(const Job& job, const Block& block, long j, long step, const RowPositions& to, double* scratch) {
    const long n = samples_of(block, step);
    if (job.mapping) {
        const double x0 = double(job.x0 + block.start - 1);
        map_row(*job.mapping, x0, double(step), double(job.y0 + j), n, to.x, to.y, scratch);
        return n;
    }
    const double* from = job.positions + 2 * ((job.nx + 2) * (j + 1) + block.start);
    for (long k = 0; k < n; ++k) {
        to.x[k] = from[2 * step * k];
        to.y[k] = from[2 * step * k + 1];
    }
    return n;
}

// Node i of the stretch that begins in row `start`.
const RowPositions& node_row(const Job& job, const Block& block, long start, long i, long step, Buffers& buffers) {
    RowPositions& row = buffers.nodes[i & 3];
    const long j = start + job.node_rows[i];
    if (row.row != j) {
        sample_row(job, block, j, step, row, buffers.mapping);
        row.row = j;
    }
    return row;
}

// Shares of four nodes in the value at a place, on the cubic through them.
struct Cubic {
    double shares[4];

    Cubic(const long* nodes, long at) {
        for (int i = 0; i < 4; ++i) {
            shares[i] = 1;
            for (int k = 0; k < 4; ++k) {
                if (k != i) shares[i] *= double(at - nodes[k]) / double(nodes[i] - nodes[k]);
            }
        }
    }

    V of(const double* const nodes[4], long k) const {
        V value = load(nodes[0] + k) * shares[0];
        for (int i = 1; i < 4; ++i) value = fused(load(nodes[i] + k), shares[i], value);
        return value;
    }
};

// Positions of every so many centres of row j, as sample_row gives them, but where they lie between nodes: there on
// cubics through the four nodes about them.
long place_row(const Job& job, const Block& block, long j, long step, const RowPositions& to, Buffers& buffers) {
    const long n = job.n_node_rows, at = remainder(job.y0 + j + 1, kStretch);
    const bool is_between = job.mapping && n && at > job.node_rows[0] && at < job.node_rows[n - 1];
    if (!is_between) return sample_row(job, block, j, step, to, buffers.mapping);
    long first = 0;
    while (first < n - 4 && job.node_rows[first + 2] <= at) ++first;
    const double *x[4], *y[4];
    for (long i = 0; i < 4; ++i) {
        const RowPositions& node = node_row(job, block, j - at, first + i, step, buffers);
        x[i] = node.x;
        y[i] = node.y;
    }
    const Cubic cubic(job.node_rows + first, at);
    const long n_samples = samples_of(block, step);
    for (long k = 0; k < n_samples; k += kLanes) {
        store(to.x + k, cubic.of(x, k));
        store(to.y + k, cubic.of(y, k));
    }
    return n_samples;
}

// Half a pixel fraction to both sides, along the lines between neighbouring centres.
void widen_row(const Job& job, long n, const RowPositions& row) {
    const double h = 0.5 * job.pixfrac, rest = 1 - h;
    for (long k = 0; k <= n; k += kLanes) {
        for (int axis = 0; axis < 2; ++axis) {
            const double* centre = axis ? row.y : row.x;
            const V here = load(centre + k + 1) * rest;
            store((axis ? row.left_y : row.left_x) + k, fused(load(centre + k), h, here));
            if (job.pixfrac < 1) store((axis ? row.right_y : row.right_x) + k, fused(load(centre + k + 2), h, here));
        }
    }
}

const RowPositions& positions_of(const Job& job, const Block& block, long j, Buffers& buffers) {
    RowPositions& row = buffers.held[(j + 3) % 3];
    if (row.row != j) {
        place_row(job, block, j, 1, row, buffers);
        widen_row(job, block.n, row);
        row.row = j;
    }
    return row;
}

// Pixels that fill their place share corners with their neighbours.
bool is_full(const Job& job) { return job.pixfrac == 1; }

// Means of the four centres about each corner.
const CornerRow& corner_row(const Job& job, const Block& block, long j, Buffers& buffers) {
    CornerRow& to = buffers.corners[j & 1];
    if (to.row == j) return to;
    const RowPositions& below = positions_of(job, block, j - 1, buffers);
    const RowPositions& above = positions_of(job, block, j, buffers);
    for (long k = 0; k <= block.n; k += kLanes) {
        store(to.x + k, load(above.left_x + k) * 0.5 + load(below.left_x + k) * 0.5);
        store(to.y + k, load(above.left_y + k) * 0.5 + load(below.left_y + k) * 0.5);
    }
    to.row = j;
    return to;
}

Corners corners_between(const CornerRow& below, const CornerRow& above, long k) {
    return {{load(below.x + k), load(below.x + k + 1), load(above.x + k + 1), load(above.x + k)},
            {load(below.y + k), load(below.y + k + 1), load(above.y + k + 1), load(above.y + k)}};
}

Corners corners_of(const Job& job, const RowPositions* const rows[3], long k) {
    const double h = 0.5 * job.pixfrac, rest = 1 - h;
    const RowPositions &below = *rows[0], &here = *rows[1], &above = *rows[2];
    const V left_x = load(here.left_x + k) * rest, right_x = load(here.right_x + k) * rest;
    const V left_y = load(here.left_y + k) * rest, right_y = load(here.right_y + k) * rest;
    return {{fused(load(below.left_x + k), h, left_x), fused(load(below.right_x + k), h, right_x),
             fused(load(above.right_x + k), h, right_x), fused(load(above.left_x + k), h, left_x)},
            {fused(load(below.left_y + k), h, left_y), fused(load(below.right_y + k), h, right_y),
             fused(load(above.right_y + k), h, right_y), fused(load(above.left_y + k), h, left_y)}};
}

}  // namespace

}  // namespace mvmdb::KERNEL_ISA
