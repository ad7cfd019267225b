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
#include "reading.hpp"
#include "vectors.hpp"

namespace mvmdb::KERNEL_ISA {

long map_scratch();
void map_row(const Mapping&, double x0, double step, double y, long n, double* x_out, double* y_out, double* scratch);

namespace {

// Positions are known to this part of an output pixel. What reaches less far into a column or row of output pixels
// does not reach it: where frames are aligned, rounding would decide.
constexpr double kReach = 1e-8;
// Overlaps of less than this part of an input pixel are rounding of the areas.
constexpr double kSliver = 1e-14;
// Up to this many output pixels on a side, overlaps are unrolled and held on the stack.
constexpr long kUnrolled = 6;
constexpr long kLargest = 256;  // more output pixels on a side are refused
constexpr double kNearlyZero = 1e-14;
constexpr long kBlock = 128;
constexpr long kTileRows = 128;
constexpr long kSampledColumns = 8;  // how far apart positions are looked at to find where a tile falls

typedef float Sums2 __attribute__((vector_size(8), aligned(4)));
typedef float Sums4 __attribute__((vector_size(16), aligned(4)));

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

// Some pixels side by side, relative to output pixel (column, row) of each.
struct Corners {
    V x[4], y[4];  // in cyclic order, 0 at the outer edge of the first output pixel
};

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

template <typename T>
T* take(double*& scratch, long n) {
    T* taken = reinterpret_cast<T*>(scratch);
    scratch += padded((n * long(sizeof(T)) + 7) / 8);
    return taken;
}

// ---------------------------------------------------------------- positions

// Positions of every so many centres of row j, from the ring to the ring or beyond; tell how many.
long sample_row(const Job& job, const Block& block, long j, long step, const RowPositions& to, double* scratch) {
    const long n = (block.n + step) / step + 1;
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

// Positions of the centres of row j, ring included.
void place_row(const Job& job, const Block& block, long j, const RowPositions& to, double* scratch) {
    sample_row(job, block, j, 1, to, scratch);
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

const RowPositions& positions_of(const Job& job, const Block& block, long j, RowPositions* held, double* scratch) {
    RowPositions& row = held[(j + 3) % 3];
    if (row.row != j) {
        place_row(job, block, j, row, scratch);
        widen_row(job, block.n, row);
        row.row = j;
    }
    return row;
}

// ---------------------------------------------------------------- which pixels

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

// ---------------------------------------------------------------- sums

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

// ---------------------------------------------------------------- square

// Pixels that fill their place share corners with their neighbours.
bool is_full(const Job& job) { return job.pixfrac == 1; }

// Means of the four centres about each corner.
const CornerRow& corner_row(const Job& job, const Block& block, long j, RowPositions* held, CornerRow* corners,
                            double* scratch) {
    CornerRow& to = corners[j & 1];
    if (to.row == j) return to;
    const RowPositions& below = positions_of(job, block, j - 1, held, scratch);
    const RowPositions& above = positions_of(job, block, j, held, scratch);
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

// ---------------------------------------------------------------- turbo, point

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

// ---------------------------------------------------------------- a row

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

// From the first output pixel on, cut to the output pixels that are reached.
Span span_of(V centre, double side, double box_start, V& first, V& n) {
    const V low = centre - 0.5 * side, pixel = floor(low + (0.5 + kReach));
    const V inside = greatest((low - pixel) + 0.5, V{});
    first = pixel - box_start;
    n = pixels_up_to(inside + side);
    return {inside, least(inside + side, n)};
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

double turbo_side(const Job& job) { return job.pixfrac / double(float(__builtin_sqrt(job.area_ratio))); }

struct Buffers {
    Row row;
    RowPositions held[3], sampled[3];
    CornerRow corners[2];
    double* mapping;
};

Buffers lay_out(const Job& job) {
    Buffers buffers;
    double* scratch = job.scratch;
    const long n = kBlock + 2;
    buffers.row = {take<float>(scratch, n), take<float>(scratch, n), take<float>(scratch, n)};
    for (RowPositions& row : buffers.held) {
        row.row = kNoRow;
        double** const lines[] = {&row.x, &row.y, &row.left_x, &row.left_y, &row.right_x, &row.right_y};
        for (double** line : lines) *line = take<double>(scratch, n);
    }
    for (CornerRow& row : buffers.corners) row = {kNoRow, take<double>(scratch, n), take<double>(scratch, n)};
    for (RowPositions& row : buffers.sampled) {
        row.x = take<double>(scratch, n);
        row.y = take<double>(scratch, n);
    }
    buffers.mapping = take<double>(scratch, map_scratch());
    return buffers;
}

bool drizzle_row(const Job& job, const Block& block, long j, Window& window, Buffers& buffers, Room& room) {
    const double side = turbo_side(job);
    const RowPositions* rows[3] = {nullptr, nullptr, nullptr};
    const CornerRow *below = nullptr, *above = nullptr;
    if (job.shape == Shape::square && is_full(job)) {
        below = &corner_row(job, block, j, buffers.held, buffers.corners, buffers.mapping);
        above = &corner_row(job, block, j + 1, buffers.held, buffers.corners, buffers.mapping);
    } else if (job.shape == Shape::square) {
        for (long i = 0; i < 3; ++i) rows[i] = &positions_of(job, block, j + i - 1, buffers.held, buffers.mapping);
    } else {
        place_row(job, block, j, buffers.held[1], buffers.mapping);
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

// ---------------------------------------------------------------- tiles

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

// Rows start to stop - 1 of a block.
bool drizzle_tile(const Job& job, const Block& block, long start, long stop, Window& window, Buffers& buffers,
                  Room& room) {
    const long n_planes = job.variance ? 4 : 2;
    const Place place = place_of(job, block, start, stop, buffers);
    for (double wider = 0;; wider = 8 * (wider + 8)) {
        place_window(job.strip, place.all, wider, window);
        if (!reaches_strip(window)) return true;
        if (!window.make_room(n_planes)) return false;
        for (long j = start; j < stop; ++j) {
            if (!may_reach(job, place, j) || !read_row(job, block, j, buffers.row)) continue;
            if (!drizzle_row(job, block, j, window, buffers, room)) return false;
        }
        if (!window.is_exceeded) break;
        clear(window.sums, window.nx * window.ny * n_planes);
    }
    job.variance ? merge_window<4>(window, job.strip) : merge_window<2>(window, job.strip);
    return true;
}

// How far the next multiple of a step lies beyond a position.
long to_next(long position, long step) { return step - (position % step + step) % step; }

}  // namespace

long drizzle_scratch() { return 31 * padded(kBlock + 2) + padded(map_scratch()); }

bool drizzle(const Job& job) {
    Room room;
    Window window;
    for (long start = 0; start < job.nx;) {
        const long left = job.nx - start, wide = to_next(job.x0 + start, kBlock);
        const Block block = {start, left < wide ? left : wide};
        Buffers buffers = lay_out(job);
        for (long j = 0; j < job.ny;) {
            const long next = j + to_next(job.y0 + j, kTileRows), stop = next < job.ny ? next : job.ny;
            if (!drizzle_tile(job, block, j, stop, window, buffers, room)) return false;
            j = stop;
        }
        start += block.n;
    }
    return true;
}

#define NAME_OF(isa) #isa
#define NAME(isa) NAME_OF(isa)
extern const Routines routines;
const Routines routines = {NAME(KERNEL_ISA), drizzle_scratch, drizzle, map_scratch, map_row};

}  // namespace mvmdb::KERNEL_ISA
