// The Python module: checks nothing that its caller in mvmdb/mosaic/compiled.py has checked.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "kernel.hpp"
#include "layer.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using namespace mvmdb;

namespace {

using Image = nb::ndarray<const float, nb::ndim<2>, nb::device::cpu>;
using Positions = nb::ndarray<const double, nb::ndim<3>, nb::c_contig, nb::device::cpu>;
using OutPositions = nb::ndarray<double, nb::ndim<3>, nb::c_contig, nb::device::cpu>;
using Rows = nb::ndarray<float, nb::ndim<2>, nb::device::cpu>;
using ContextRows = nb::ndarray<std::int32_t, nb::ndim<2>, nb::device::cpu>;
using Weights = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Planes = nb::ndarray<const std::int32_t, nb::ndim<3>, nb::device::cpu>;
using Numbers = nb::ndarray<const double, nb::c_contig, nb::device::cpu>;
using OutNumbers = nb::ndarray<double, nb::c_contig, nb::device::cpu>;
using Plane = nb::ndarray<float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Counted = nb::ndarray<std::int64_t, nb::c_contig, nb::device::cpu>;

// Zeros on a boundary of 64 bytes.
struct Scratch {
    explicit Scratch(long n) : numbers(std::size_t(n) + 8), start(numbers.data()) {
        while (reinterpret_cast<std::uintptr_t>(start) % 64) ++start;
    }
    std::vector<double> numbers;
    double* start;
};

const Routines* find_routines(const std::string& name) {
#ifdef KERNEL_X86
    __builtin_cpu_init();
    const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                            __builtin_cpu_supports("avx512vl");
    if (has_avx512 && (name.empty() || name == avx512::routines.name)) return &avx512::routines;
    const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (has_avx2 && (name.empty() || name == avx2::routines.name)) return &avx2::routines;
#endif
    if (name.empty() || name == generic::routines.name) return &generic::routines;
    throw std::invalid_argument("this processor has no instruction set " + name);
}


Table read_table(nb::handle from) {
    Table table;
    if (from.is_none()) return table;
    auto shifts = nb::cast<nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>>(from.attr("shifts_pix"));
    table.shifts = shifts.data();
    table.n[0] = long(shifts.shape(1));
    table.n[1] = long(shifts.shape(0));
    for (int axis = 0; axis < 2; ++axis) {
        table.crpix[axis] = nb::cast<double>(from.attr("crpix")[axis]);
        table.crval[axis] = nb::cast<double>(from.attr("crval")[axis]);
        table.cdelt[axis] = nb::cast<double>(from.attr("cdelt")[axis]);
    }
    return table;
}

void read_polynomial(nb::handle from, double (&to)[kHighestOrder + 1][kHighestOrder + 1], int& order) {
    auto coefficients = nb::cast<nb::ndarray<const double, nb::ndim<2>, nb::c_contig, nb::device::cpu>>(from);
    const long n = long(coefficients.shape(0));
    if (n < 1 || n > kHighestOrder + 1 || long(coefficients.shape(1)) != n)
        throw std::invalid_argument("SIP polynomials must be square and of order 9 at most");
    for (long i = 0; i < n; ++i)
        for (long j = 0; i + j < n; ++j) to[i][j] = coefficients.data()[i * n + j];
    if (order < n - 1) order = int(n - 1);
}

// The numbers of a TanToTan, which must outlive them.
Mapping read_mapping(nb::handle from) {
    Mapping mapping;
    nb::object distortion = from.attr("distortion");
    auto homography = nb::cast<nb::ndarray<const double, nb::shape<3, 3>, nb::c_contig, nb::device::cpu>>(from.attr("homography"));
    for (int k = 0; k < 9; ++k) mapping.homography[k] = homography.data()[k];
    nb::object sip = distortion.attr("sip");
    if (!sip.is_none()) {
        read_polynomial(sip.attr("a"), mapping.sip[0], mapping.order);
        read_polynomial(sip.attr("b"), mapping.sip[1], mapping.order);
    }
    for (int axis = 0; axis < 2; ++axis) {
        mapping.crpix[axis] = nb::cast<double>(distortion.attr("crpix")[axis]);
        if (!sip.is_none()) mapping.sip_crpix[axis] = nb::cast<double>(sip.attr("crpix")[axis]);
        mapping.npol[axis] = read_table(distortion.attr("npol")[axis]);
        mapping.d2im[axis] = read_table(distortion.attr("d2im")[axis]);
    }
    return mapping;
}

// Numbers of an image, and how far apart its rows lie.
std::pair<const float*, long> rows_of(const std::optional<Image>& image) {
    if (!image) return {nullptr, 0};
    return {image->data(), long(image->stride(0))};
}

// Pixels as they stand in a file; factor, flux scale, sky, rejecting flags, exposure time.
using Stored = std::tuple<nb::ndarray<const std::uint32_t, nb::ndim<2>, nb::device::cpu>,
                          nb::ndarray<const std::uint16_t, nb::ndim<2>, nb::device::cpu>, float, float, float, unsigned,
                          float>;

StoredRows read_stored(const Stored& from) {
    const auto& [science, flags, factor, flux_scale, sky, rejecting, exptime] = from;
    return {science.data(), flags.data(), long(science.stride(0)), long(flags.stride(0)), factor, flux_scale, sky,
            std::uint16_t(rejecting), exptime};
}

Shape read_shape(const std::string& kernel) {
    if (kernel == "square") return Shape::square;
    if (kernel == "turbo") return Shape::turbo;
    if (kernel == "point") return Shape::point;
    throw std::invalid_argument("no kernel " + kernel);
}

// False where an input pixel covers too many output pixels.
bool drizzle(std::optional<Image> rate, std::optional<Image> weight, std::optional<Image> variance,
             std::optional<Stored> stored, nb::object mapping, const std::vector<long>& node_rows, std::optional<Positions> positions, long x0, long y0,
             long strip_x0, long strip_y0, Rows strip_science, Rows strip_weight, ContextRows strip_context,
             std::optional<Rows> strip_variance, unsigned bit, const std::string& kernel, double pixfrac,
             double area_ratio, const std::string& instructions) {
    const Routines& routines = *find_routines(instructions);
    Job job{};
    StoredRows stored_rows;
    if (stored) job.stored = &(stored_rows = read_stored(*stored));
    std::tie(job.rate, job.rate_stride) = rows_of(rate);
    std::tie(job.weight, job.weight_stride) = rows_of(weight);
    std::tie(job.variance, job.variance_stride) = rows_of(variance);
    job.ny = long(stored ? std::get<0>(*stored).shape(0) : rate->shape(0));
    job.nx = long(stored ? std::get<0>(*stored).shape(1) : rate->shape(1));
    job.x0 = x0;
    job.y0 = y0;
    Mapping numbers;
    if (!mapping.is_none()) job.mapping = &(numbers = read_mapping(mapping));
    job.node_rows = node_rows.data();
    job.n_node_rows = long(node_rows.size());
    if (positions) job.positions = positions->data();
    job.shape = read_shape(kernel);
    job.pixfrac = pixfrac;
    job.area_ratio = area_ratio;
    job.strip = {strip_x0, strip_y0, long(strip_science.shape(1)), long(strip_science.shape(0)),
                 strip_science.data(), strip_weight.data(), strip_context.data(),
                 strip_variance ? strip_variance->data() : nullptr, long(strip_science.stride(0)), int(1u << bit)};
    nb::gil_scoped_release release;
    Scratch scratch(routines.drizzle_scratch());
    job.scratch = scratch.start;
    return routines.drizzle(job);
}

double mapping_error(nb::object mapping, long nx, long ny, const std::vector<long>& node_rows) {
    const Routines& routines = *find_routines("");
    const Mapping numbers = read_mapping(mapping);
    Job job{};
    job.nx = nx;
    job.ny = ny;
    job.mapping = &numbers;
    job.node_rows = node_rows.data();
    job.n_node_rows = long(node_rows.size());
    nb::gil_scoped_release release;
    Scratch scratch(routines.drizzle_scratch());
    job.scratch = scratch.start;
    return routines.mapping_error(job);
}

void map_pixels(nb::object mapping, long x0, long y0, OutPositions positions, const std::string& instructions) {
    const Routines& routines = *find_routines(instructions);
    const Mapping numbers = read_mapping(mapping);
    const long ny = long(positions.shape(0)), nx = long(positions.shape(1));
    nb::gil_scoped_release release;
    Scratch scratch(routines.map_scratch() + 2 * (nx + 16));
    double *x = scratch.start + routines.map_scratch(), *y = x + nx + 16;
    for (long j = 0; j < ny; ++j) {
        routines.map_row(numbers, double(x0), 1, double(y0 + j), nx, x, y, scratch.start);
        double* to = positions.data() + 2 * nx * j;
        for (long k = 0; k < nx; ++k) {
            to[2 * k] = x[k];
            to[2 * k + 1] = y[k];
        }
    }
}

// Strip and frame are cut to the same pixels.
void merge_frame(Rows science, Rows weight, ContextRows context, std::optional<Rows> variance, Image frame_science,
                 Image frame_weight, std::optional<Image> frame_variance, unsigned bit) {
    const StripPart strip{science.data(), weight.data(), context.data(), variance ? variance->data() : nullptr,
                          long(science.stride(0)), long(science.shape(1)), long(science.shape(0))};
    nb::gil_scoped_release release;
    merge(strip, frame_science.data(), frame_weight.data(), frame_variance ? frame_variance->data() : nullptr,
          long(frame_science.stride(0)), bit);
}

template <typename T>
nb::ndarray<nb::numpy, T, nb::ndim<1>> array_of(std::vector<T> numbers) {
    auto* kept = new std::vector<T>(std::move(numbers));
    nb::capsule owner(kept, [](void* vector) noexcept { delete static_cast<std::vector<T>*>(vector); });
    return {kept->data(), {kept->size()}, owner};
}

using Bits = nb::ndarray<std::uint8_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Histograms = nb::ndarray<std::uint32_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

// The bits of each exposure time, and the number of its pixels.
nb::tuple count(Weights weight, Planes context, Numbers times, std::optional<Plane> science, std::optional<Plane> variance,
                std::optional<Bits> observed, std::uint32_t first_bin, Histograms weights, Counted n_inputs, Counted bytes,
                OutNumbers row_weight, OutNumbers row_time) {
    const CountedRows rows{weight.data(), context.data(), long(context.stride(0)), long(context.shape(0)),
                           long(weight.shape(1)), long(weight.shape(0)), times.data(),
                           science ? science->data() : nullptr, variance ? variance->data() : nullptr,
                           observed ? observed->data() : nullptr};
    const Counts counts{n_inputs.data(), bytes.data(), weights.data(), first_bin, std::uint32_t(weights.shape(0)) - kHighRows,
                        row_weight.data(), row_time.data()};
    std::vector<std::uint32_t> bits;
    std::vector<std::int64_t> n_pixels;
    {
        nb::gil_scoped_release release;
        TimeCounts found;
        count_rows(rows, counts, found);
        for (const auto& [time, n] : found) {
            bits.push_back(time);
            n_pixels.push_back(n);
        }
    }
    return nb::make_tuple(array_of(std::move(bits)), array_of(std::move(n_pixels)));
}

void count_low(Weights numbers, std::uint32_t high, Counted low) {
    nb::gil_scoped_release release;
    count_low_halves(numbers.data(), long(numbers.size()), high, low.data());
}

nb::list instruction_sets() {
    nb::list names;
    for (const char* name : {"avx512", "avx2", "generic"}) {
        try {
            names.append(find_routines(name)->name);
        } catch (const std::invalid_argument&) {
        }
    }
    return names;
}

}  // namespace

NB_MODULE(_kernel, module) {
    module.doc() = "Drizzle compiled; see mvmdb.mosaic.compiled.";
    module.def("drizzle", &drizzle, "rate"_a.noconvert().none(), "weight"_a.noconvert().none(),
               "variance"_a.noconvert().none(), "stored"_a.none(), "mapping"_a.none(), "node_rows"_a,
               "positions"_a.noconvert().none(), "x0"_a, "y0"_a, "strip_x0"_a,
               "strip_y0"_a, "strip_science"_a.noconvert(), "strip_weight"_a.noconvert(),
               "strip_context"_a.noconvert(), "strip_variance"_a.noconvert().none(), "bit"_a, "kernel"_a, "pixfrac"_a, "area_ratio"_a, "instructions"_a);
    module.def("mapping_error", &mapping_error, "mapping"_a, "nx"_a, "ny"_a, "node_rows"_a);
    module.def("map_pixels", &map_pixels, "mapping"_a, "x0"_a, "y0"_a, "positions"_a.noconvert(),
               "instructions"_a);
    module.def("merge_frame", &merge_frame, "science"_a.noconvert(), "weight"_a.noconvert(), "context"_a.noconvert(),
               "variance"_a.noconvert().none(), "frame_science"_a.noconvert(), "frame_weight"_a.noconvert(),
               "frame_variance"_a.noconvert().none(), "bit"_a);
    module.def("count", &count, "weight"_a.noconvert(), "context"_a.noconvert(), "times"_a.noconvert(),
               "science"_a.noconvert().none(), "variance"_a.noconvert().none(), "observed"_a.noconvert().none(),
               "first_bin"_a, "weights"_a.noconvert(), "n_inputs"_a.noconvert(), "bytes"_a.noconvert(),
               "row_weight"_a.noconvert(), "row_time"_a.noconvert());
    module.def("count_low", &count_low, "numbers"_a.noconvert(), "high"_a, "low"_a.noconvert());
    module.attr("HIGH_ROWS") = kHighRows;
    module.def("instruction_sets", &instruction_sets);
}
