// A row of chip pixels to output pixels: D2IM, SIP and NPOL as in the SIP and Distortion papers, then the
// homography between the two tangent planes.

#include "kernel.hpp"
#include "vectors.hpp"

namespace mvmdb::KERNEL_ISA {

long map_scratch();
void map_row(const Mapping&, double, double, double, long, double*, double*, double*);

namespace {

constexpr long kMapped = 264;         // positions at a time
constexpr long kChunk = kMapped + 8;  // room for them, up to a multiple of the lanes

// Fractional node of each position, 0-based and held within the table.
void find_nodes(const Table& table, int axis, const double* position, long n, double* node) {
    const double scale = 1 / table.cdelt[axis];
    const double last = double(table.n[axis] - 1);
    const double offset = 1 - table.crval[axis], first = table.crpix[axis] - 1;
    for (long k = 0; k < n; k += kLanes) {
        V at = fused(load(position + k) + offset, scale, all(first));
        at = greatest(at, all(0));
        store(node + k, least(at, all(last)));
    }
}

long cell_of(double node, long n_nodes) {
    const long cell = long(node);
    return cell < n_nodes - 2 ? cell : (n_nodes > 1 ? n_nodes - 2 : 0);
}

// A cell of tables with common nodes; the last cell of a row has the last node, too, and so has the only one.
template <int kTables>
struct Cell {
    double u0 = 0, v0 = 0, width_u = 0, width_v = 0;  // none at first
    // of every table, its four corners as factors of 1, u, v and u v within the cell
    double constant[kTables] = {}, along_u[kTables] = {}, along_v[kTables] = {}, along_both[kTables] = {};

    void move_to(const Table* tables, double u, double v) {
        const long nx = tables->n[0], ny = tables->n[1], i = cell_of(u, nx), j = cell_of(v, ny);
        const long i1 = i + 1 < nx ? i + 1 : i, j1 = j + 1 < ny ? j + 1 : j;
        const double far = 1e300;
        u0 = double(i);
        v0 = double(j);
        width_u = i + 2 < nx ? 1 : far;
        width_v = j + 2 < ny ? 1 : far;
        for (int t = 0; t < kTables; ++t) {
            const float* shifts = tables[t].shifts;
            const double t00 = shifts[j * nx + i], t10 = shifts[j * nx + i1];
            const double t01 = shifts[j1 * nx + i], t11 = shifts[j1 * nx + i1];
            constant[t] = t00;
            along_u[t] = t10 - t00;
            along_v[t] = t01 - t00;
            along_both[t] = (t11 - t10) - (t01 - t00);
        }
    }
    template <bool kLevel>
    Mask holds(V u, V v) const {
        Mask held = (u >= u0) & (u < u0 + width_u);
        if (!kLevel) held &= (v >= v0) & (v < v0 + width_v);
        return held;
    }
    V shift(int t, V u, V v) const {
        const V du = u - u0, dv = v - v0;
        return fused(fused(along_both[t], du, along_v[t]), dv, fused(along_u[t], du, constant[t]));
    }
};

// Add the shifts at u, v (nodes) to positions: of one table to one, or of two tables with common nodes to both. On a
// level row all v are the first one.
template <int kTables, bool kLevel>
void add_shifts(const Table* tables, const double* u, const double* v, long n, double* const* positions) {
    Cell<kTables> cell;
    for (long k = 0; k < n; k += kLanes) {
        const V at_u = load(u + k), at_v = kLevel ? all(v[0]) : load(v + k);
        V shifts[kTables];
        for (int t = 0; t < kTables; ++t) shifts[t] = cell.shift(t, at_u, at_v);
        Mask held = cell.template holds<kLevel>(at_u, at_v);
        for (int lane = 0; any(~held); ++lane) {  // across an edge of the cell
            if (held[lane]) continue;
            cell.move_to(tables, u[k + lane], v[kLevel ? 0 : k + lane]);
            const Mask here = cell.template holds<kLevel>(at_u, at_v);
            for (int t = 0; t < kTables; ++t) shifts[t] = here ? cell.shift(t, at_u, at_v) : shifts[t];
            held |= here;
        }
        for (int t = 0; t < kTables; ++t) store(positions[t] + k, load(positions[t] + k) + shifts[t]);
    }
}

bool share_nodes(const Table* tables) {
    bool same = tables[0].shifts && tables[1].shifts;
    for (int axis = 0; axis < 2; ++axis) {
        same &= tables[0].n[axis] == tables[1].n[axis] && tables[0].crpix[axis] == tables[1].crpix[axis] &&
                tables[0].crval[axis] == tables[1].crval[axis] && tables[0].cdelt[axis] == tables[1].cdelt[axis];
    }
    return same;
}

// Add the shifts of a pair of tables at x, y to a pair of positions; x, y and the positions may be the same.
void add_pair(const Table* tables, bool is_level, const double* x, const double* y, long n, double* to_x,
              double* to_y, double* scratch) {
    double* const to[2] = {to_x, to_y};
    if (share_nodes(tables)) {
        find_nodes(tables[0], 0, x, n, scratch);
        find_nodes(tables[0], 1, y, is_level ? 1 : n, scratch + kChunk);
        return (is_level ? add_shifts<2, true> : add_shifts<2, false>)(tables, scratch, scratch + kChunk, n, to);
    }
    double *u[2] = {scratch, scratch + 2 * kChunk}, *v[2] = {scratch + kChunk, scratch + 3 * kChunk};
    for (int axis = 0; axis < 2; ++axis) {
        if (!tables[axis].shifts) continue;
        find_nodes(tables[axis], 0, x, n, u[axis]);
        find_nodes(tables[axis], 1, y, n, v[axis]);
    }
    for (int axis = 0; axis < 2; ++axis) {
        if (tables[axis].shifts) add_shifts<1, false>(tables + axis, u[axis], v[axis], n, to + axis);
    }
}

// A polynomial in u and v as one in u: the factors of its powers where v is known.
template <int kOrder, typename Number>
inline void factors_of_u(const double (&c)[kHighestOrder + 1][kHighestOrder + 1], Number v, Number (&factors)[kOrder + 1]) {
#pragma GCC unroll 10
    for (int i = kOrder; i >= 0; --i) {
        factors[i] = Number{} + c[i][kOrder - i];
#pragma GCC unroll 10
        for (int j = kOrder - i - 1; j >= 0; --j) factors[i] = fused(factors[i], v, c[i][j]);
    }
}

template <int kOrder, typename Number>
inline V polynomial(const Number (&factors)[kOrder + 1], V u) {
    V total = {};
#pragma GCC unroll 10
    for (int i = kOrder; i >= 0; --i) total = fused(total, u, factors[i]);
    return total;
}

// Add SIP to positions; without shifts in y a row of them has one v.
template <int kOrder>
void add_sip(const Mapping& mapping, const double* x, const double* y, long n, double* to_x, double* to_y) {
    const bool is_level = !mapping.d2im[1].shifts;
    double level[2][kOrder + 1];
    for (int axis = 0; axis < 2; ++axis)
        factors_of_u<kOrder>(mapping.sip[axis], y[0] + (1 - mapping.sip_crpix[1]), level[axis]);
    for (long k = 0; k < n; k += kLanes) {
        const V at_x = load(x + k), at_y = load(y + k);
        const V u = at_x + (1 - mapping.sip_crpix[0]), v = at_y + (1 - mapping.sip_crpix[1]);
        V bent[2];
        for (int axis = 0; axis < 2; ++axis) {
            V factors[kOrder + 1];
            if (!is_level) factors_of_u<kOrder>(mapping.sip[axis], v, factors);
            bent[axis] = is_level ? polynomial<kOrder>(level[axis], u) : polynomial<kOrder>(factors, u);
        }
        store(to_x + k, at_x + bent[0]);
        store(to_y + k, at_y + bent[1]);
    }
}

using AddSip = void (*)(const Mapping&, const double*, const double*, long, double*, double*);
constexpr AddSip kAddSip[] = {add_sip<0>, add_sip<1>, add_sip<2>, add_sip<3>, add_sip<4>,
                              add_sip<5>, add_sip<6>, add_sip<7>, add_sip<8>, add_sip<9>};

void project(const Mapping& mapping, const double* x, const double* y, long n, double* x_out, double* y_out) {
    const double* h = mapping.homography;
    const V none = all(__builtin_nan(""));
    for (long k = 0; k < n; k += kLanes) {
        const V u = load(x + k) + (1 - mapping.crpix[0]), v = load(y + k) + (1 - mapping.crpix[1]);
        const V w = fused(h[6], u, fused(h[7], v, h[8]));
        const V inverse = w > 0.0 ? 1.0 / w : none;
        store(x_out + k, fused(h[0], u, fused(h[1], v, h[2])) * inverse);
        store(y_out + k, fused(h[3], u, fused(h[4], v, h[5])) * inverse);
    }
}

void map_chunk(const Mapping& mapping, double x0, double step, double y0, long n, double* x_out, double* y_out,
               double* scratch) {
    double *x = scratch, *y = scratch + kChunk, *nodes = scratch + 4 * kChunk;
    double *moved_x = scratch + 2 * kChunk, *moved_y = scratch + 3 * kChunk;
    for (long k = 0; k < n + kLanes; ++k) {
        x[k] = x0 + step * double(k);
        y[k] = y0;
    }
    add_pair(mapping.d2im, true, x, y, n, x, y, nodes);
    kAddSip[mapping.order](mapping, x, y, n, moved_x, moved_y);
    add_pair(mapping.npol, !mapping.d2im[1].shifts, x, y, n, moved_x, moved_y, nodes);
    project(mapping, moved_x, moved_y, n, x_out, y_out);
}

}  // namespace

long map_scratch() { return 8 * kChunk; }

// Positions of n pixels from (x0, y) on, so many columns apart; the output arrays are written up to a multiple of the lanes.
void map_row(const Mapping& mapping, double x0, double step, double y, long n, double* x_out, double* y_out,
             double* scratch) {
    for (long k = 0; k < n; k += kMapped) {
        const long n_here = n - k < kMapped ? n - k : kMapped;
        map_chunk(mapping, x0 + step * double(k), step, y, n_here, x_out + k, y_out + k, scratch);
    }
}

}  // namespace mvmdb::KERNEL_ISA
