// Drizzling of chip rows: the share of every input pixel in every output pixel it covers.
//
// A row at a time: positions of the pixel centres (closed form), then for some pixels side by side their corners
// and the areas in n x n output pixels about them, then one pixel after the other into the sums.
//
// A chip is taken in tiles, so small that the sums of one stay in the cache. When a tile is done its sums are added
// to the running weighted mean of the strip. Tiles begin at fixed columns and rows of the chip and come in the order
// of columns, then rows; within one, sums grow by rows, then columns. No number depends on the strip or on the other
// rows given: cut into strips in any way, the output has the same bits.

#include "kernel.hpp"
#include "places.hpp"
#include "positions.hpp"
#include "reading.hpp"
#include "shares.hpp"
#include "sums.hpp"
#include "vectors.hpp"

namespace mvmdb::KERNEL_ISA {

namespace {

constexpr long kTileRows = 128;

// Room for the overlaps of a group; grows where pixels are large.
struct Room {
    float stack_shares[kUnrolled * kUnrolled * kLanes];
    V* areas = nullptr;
    float* shares = stack_shares;
    long n = kUnrolled;

    ~Room() { __builtin_free(heap); }

    // False where that is too large, or memory is short.
    bool make_for(long wanted) {
        if (wanted <= n) return true;
        if (wanted > kLargest) return false;
        __builtin_free(heap);
        const unsigned long n_cells = static_cast<unsigned long>(wanted) * static_cast<unsigned long>(wanted);
        heap = __builtin_malloc(64 + n_cells * (sizeof(V) + kLanes * sizeof(float)));
        n = heap ? wanted : kUnrolled;
        const auto start = (reinterpret_cast<unsigned long>(heap) + 63) / 64 * 64;
        areas = reinterpret_cast<V*>(start);
        shares = heap ? reinterpret_cast<float*>(areas + n_cells) : stack_shares;
        return heap != nullptr;
    }

   private:
    void* heap = nullptr;
};

bool square_group(const Job& job, Window& window, Group& group, Corners corners, Room& room) {
    const V wide = make_local(corners.x, group.column, double(window.x0));
    const V high = make_local(corners.y, group.row, double(window.y0));
    const long n = select(window, group, wide, high);
    if (n == 0) return true;
    if (!room.make_for(n)) return false;
    for (V& y : corners.y) y = least(high, y);  // in this order what is no number stays so
    switch (n) {
        case 1: square_shares<1>(corners, wide, group.weight, room.shares); break;
        case 2: square_shares<2>(corners, wide, group.weight, room.shares); break;
        case 3: square_shares<3>(corners, wide, group.weight, room.shares); break;
        case 4: square_shares<4>(corners, wide, group.weight, room.shares); break;
        case 5: square_shares<5>(corners, wide, group.weight, room.shares); break;
        case 6: square_shares<6>(corners, wide, group.weight, room.shares); break;
        default: wide_shares(corners, wide, group.weight, n, room.shares, room.areas);
    }
    add_shares(job, window, group, room.shares, n);
    return true;
}

bool turbo_group(const Job& job, Window& window, Group& group, const RowPositions& row, long k, double side,
                 Room& room) {
    V wide, high;
    const Span x = span_of(load(row.x + k + 1), side, double(window.x0), group.column, wide);
    const Span y = span_of(load(row.y + k + 1), side, double(window.y0), group.row, high);
    const long n = select(window, group, wide, high);
    if (n == 0) return true;
    if (!room.make_for(n)) return false;
    turbo_shares(x, y, group.weight, n, room.shares);
    add_shares(job, window, group, room.shares, n);
    return true;
}

void point_group(const Job& job, Window& window, Group& group, const RowPositions& row, long k) {
    group.column = floor(load(row.x + k + 1) + 0.5) - double(window.x0);
    group.row = floor(load(row.y + k + 1) + 0.5) - double(window.y0);
    if (select(window, group, all(1), all(1)) == 0) return;
    float shares[kLanes];
    store(shares, group.weight);
    add_shares(job, window, group, shares, 1);
}

bool drizzle_row(const Job& job, const Block& block, long j, Window& window, Buffers& buffers, Room& room) {
    const double side = turbo_side(job);
    const RowPositions* rows[3] = {nullptr, nullptr, nullptr};
    const CornerRow *below = nullptr, *above = nullptr;
    if (job.shape == Shape::square && is_full(job)) {
        below = &corner_row(job, block, j, buffers);
        above = &corner_row(job, block, j + 1, buffers);
    } else if (job.shape == Shape::square) {
        for (long i = 0; i < 3; ++i) rows[i] = &positions_of(job, block, j + i - 1, buffers);
    } else {
        place_row(job, block, j, 1, buffers.held[1], buffers);
    }
    Group group;
    for (long k = 0; k < block.n; k += kLanes) {
        group.weight = load(buffers.row.weight + k);
        if (!any(group.weight > 0.0)) continue;
        group.flux = buffers.row.flux + k;
        group.variance = buffers.row.variance + k;
        bool done = true;
        if (job.shape == Shape::square) {
            const Corners corners = below ? corners_between(*below, *above, k) : corners_of(job, rows, k);
            done = square_group(job, window, group, corners, room);
        }
        if (job.shape == Shape::turbo) done = turbo_group(job, window, group, buffers.held[1], k, side, room);
        if (job.shape == Shape::point) point_group(job, window, group, buffers.held[1], k);
        if (!done) return false;
    }
    return true;
}

// Rows start to stop - 1 of a block.
bool drizzle_tile(const Job& job, const Block& block, long start, long stop, Window& window, Buffers& buffers,
                  Room& room) {
    const long n_planes = job.variance ? 4 : 2;
    const Place place = place_of(job, block, start, stop, buffers);
    const Block part = reaching_columns(job, block, place, buffers);
    keep_columns(part, buffers);
    for (double wider = 0;; wider = 8 * (wider + 8)) {
        place_window(job.strip, place.all, wider, window);
        if (!reaches_strip(window)) return true;
        if (!window.make_room(n_planes)) return false;
        for (long j = start; j < stop; ++j) {
            if (!may_reach(job, place, j) || !read_row(job, part, j, buffers.row)) continue;
            if (!drizzle_row(job, part, j, window, buffers, room)) return false;
        }
        if (!window.is_exceeded) break;
        clear(window.sums, window.nx * window.ny * n_planes);
    }
    job.variance ? merge_window<4>(window, job.strip) : merge_window<2>(window, job.strip);
    return true;
}

// How far the next multiple of a step lies beyond a position.
long to_next(long position, long step) { return step - remainder(position, step); }

// Of so many columns one is looked at: those of the kinks of HST's tables, and eight at least.
long checked_columns(long nx) {
    long step = kStretch;
    while (step > 1 && nx / step < 8) step /= 2;
    return step;
}

}  // namespace

bool drizzle(const Job& job) {
    Room room;
    Window window;
    for (long start = 0; start < job.nx;) {
        const long left = job.nx - start, wide = to_next(job.x0 + start, kBlock);
        const Block block = {start, left < wide ? left : wide};
        Buffers buffers = lay_out(job, block);
        for (long j = 0; j < job.ny;) {
            const long next = j + to_next(job.y0 + j, kTileRows), stop = next < job.ny ? next : job.ny;
            if (!drizzle_tile(job, block, j, stop, window, buffers, room)) return false;
            j = stop;
        }
        start += block.n;
    }
    return true;
}

double mapping_error(const Job& job) {
    const long fifth = kStretch / (5 * (job.n_node_rows - 1)), every = fifth > 1 ? fifth : 1;
    const long step = checked_columns(job.nx), at_once = kBlock * step;
    double worst = 0;
    for (long start = 0; start < job.nx; start += at_once) {
        const long left = job.nx - start;
        const Block block = {start, left < at_once ? left : at_once};
        Buffers buffers = lay_out(job, block);
        const RowPositions &exact = buffers.sampled[0], &placed = buffers.sampled[1];
        for (long j = -1; j < job.ny + every; j += every) {
            const long n = sample_row(job, block, j, step, exact, buffers.mapping);
            place_row(job, block, j, step, placed, buffers);
            for (long k = 0; k < n; ++k) {
                const double x = placed.x[k] - exact.x[k], y = placed.y[k] - exact.y[k], square = x * x + y * y;
                if (square != square) return square;
                worst = square > worst ? square : worst;
            }
        }
    }
    return __builtin_sqrt(worst);
}

#define NAME_OF(isa) #isa
#define NAME(isa) NAME_OF(isa)
extern const Routines routines;
const Routines routines = {NAME(KERNEL_ISA), drizzle_scratch, drizzle, mapping_error, map_scratch, map_row};

}  // namespace mvmdb::KERNEL_ISA
