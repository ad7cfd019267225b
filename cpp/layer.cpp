#include "layer.hpp"

#include <cstring>
#include <vector>

namespace mvmdb {

namespace {

// One pixel of one chip into the running weighted mean: two roundings to float, whatever comes after.
inline void add(const StripPart& strip, long at, float science, float weight, const float* variance, std::uint32_t bit) {
    if (!(weight > 0)) return;
    const float total = strip.weight[at] + weight;
    const float share = weight / total;
    strip.weight[at] = total;
    strip.science[at] += share * (science - strip.science[at]);
    strip.context[at] |= std::int32_t(bit);
    if (strip.variance) {
        const float rest = 1 - share;
        strip.variance[at] = strip.variance[at] * (rest * rest) + *variance * (share * share);
    }
}

inline std::uint32_t bits_of(float number) {
    std::uint32_t bits;
    std::memcpy(&bits, &number, sizeof bits);
    return bits;
}

// Walks along the observed pixels of the rows; neighbours mostly have the same inputs.
template <typename Pixel, typename Run, typename RowEnd>
void walk(const Tally& tally, Pixel on_pixel, Run on_run, RowEnd on_row_end) {
    const long n_pixels = tally.nx * tally.ny;
    std::vector<std::uint32_t> inputs(std::size_t(tally.n_planes));
    for (long row = 0; row < tally.ny; ++row) {
        long length = 0;
        for (long at = row * tally.nx; at < (row + 1) * tally.nx; ++at) {
            if (!(tally.weight[at] > 0)) continue;
            on_pixel(tally.weight[at]);
            bool is_same = length > 0;
            for (long plane = 0; plane < tally.n_planes && is_same; ++plane)
                is_same = inputs[plane] == std::uint32_t(tally.context[plane * n_pixels + at]);
            if (is_same) {
                ++length;
                continue;
            }
            if (length) on_run(inputs.data(), length);
            for (long plane = 0; plane < tally.n_planes; ++plane)
                inputs[plane] = std::uint32_t(tally.context[plane * n_pixels + at]);
            length = 1;
        }
        if (length) on_run(inputs.data(), length);
        on_row_end(row);
    }
}

inline unsigned byte_of(const std::uint32_t* inputs, long group) {
    return (inputs[group / 4] >> (8 * (group % 4))) & 255u;
}

float time_of(const Tally& tally, const std::uint32_t* inputs) {
    double time = 0;
    for (long group = 0; group < 4 * tally.n_planes; ++group) time += tally.times[256 * group + byte_of(inputs, group)];
    return float(time);
}

}  // namespace

void merge(const StripPart& strip, const float* science, const float* weight, const float* variance,
           long frame_stride, unsigned bit) {
    for (long y = 0; y < strip.ny; ++y)
        for (long x = 0, at = y * strip.stride, from = y * frame_stride; x < strip.nx; ++x, ++at, ++from)
            add(strip, at, science[from], weight[from], variance ? variance + from : nullptr, 1u << bit);
}

void count_pixels(const Tally& tally, std::int64_t* n_inputs, std::int64_t* bytes, std::int64_t* high_weight,
                  std::int64_t* high_time, double* row_weight, double* row_time) {
    double weight_sum = 0, time_sum = 0;
    walk(
        tally,
        [&](float weight) {
            weight_sum += weight;
            ++high_weight[bits_of(weight) >> 16];
        },
        [&](const std::uint32_t* inputs, long length) {
            long n = 0;
            for (long group = 0; group < 4 * tally.n_planes; ++group) {
                const unsigned byte = byte_of(inputs, group);
                bytes[256 * group + byte] += length;
                n += __builtin_popcount(byte);
            }
            const float time = time_of(tally, inputs);
            n_inputs[n] += length;
            high_time[bits_of(time) >> 16] += length;
            time_sum += double(time) * double(length);
        },
        [&](long row) {
            row_weight[row] = weight_sum;
            row_time[row] = time_sum;
            weight_sum = time_sum = 0;
        });
}

void count_low_halves(const Tally& tally, std::uint32_t of_weight, std::uint32_t of_time,
                      std::int64_t* low_weight, std::int64_t* low_time) {
    walk(
        tally,
        [&](float weight) {
            const std::uint32_t bits = bits_of(weight);
            if (bits >> 16 == of_weight) ++low_weight[bits & 0xFFFF];
        },
        [&](const std::uint32_t* inputs, long length) {
            const std::uint32_t bits = bits_of(time_of(tally, inputs));
            if (bits >> 16 == of_time) low_time[bits & 0xFFFF] += length;
        },
        [](long) {});
}

}  // namespace mvmdb
