#include "layer.hpp"

#include <cmath>
#include <cstring>
#include <limits>
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

constexpr long kBlock = 64;
constexpr int kLanes = 8;

inline unsigned byte_of(const std::uint32_t* inputs, long group) {
    return (inputs[group / 4] >> (8 * (group % 4))) & 255u;
}

float time_of(const CountedRows& rows, const std::uint32_t* inputs) {
    double time = 0;
    for (long group = 0; group < 4 * rows.n_planes; ++group) time += rows.times[256 * group + byte_of(inputs, group)];
    return float(time);
}

// Finishes and counts rows. Most blocks are observed everywhere or nowhere; neighbours mostly have the same inputs.
class Walk {
  public:
    Walk(const CountedRows& rows, const Counts& counts, TimeCounts& times)
        : rows(rows), counts(counts), times(times), inputs(std::size_t(rows.n_planes)),
          first_low(counts.first_bin << 16), n_low(counts.n_bins << 16) {}

    void row(long y) {
        for (double& sum : weight_sums) sum = 0;
        time_sum = 0;
        for (long x = 0; x < rows.nx; x += kBlock) block(y, x, rows.nx - x < kBlock ? rows.nx - x : kBlock);
        end_run();
        double* sums = weight_sums;
        counts.row_weight[y] = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
        counts.row_time[y] = time_sum;
    }

  private:
    void block(long y, long x, long n) {
        const long at = y * rows.nx + x;
        int n_observed = 0;
        for (long k = 0; k < n; ++k) n_observed += rows.weight[at + k] > 0;
        if (n_observed == kBlock)
            whole_block(at);
        else if (n_observed)
            for (long k = 0; k < n; ++k)
                if (rows.weight[at + k] > 0) {
                    weight_sums[k % kLanes] += rows.weight[at + k];
                    add_weight(at + k);
                    add_inputs(at + k);
                }
        if (n_observed && rows.observed) set_bits(rows.observed + y * ((rows.nx + 7) / 8) + x / 8, at, n, n_observed == n);
        if (rows.science && n_observed < n) blank(rows.science, at, n);
        if (rows.variance) {
            for (long k = 0; k < n; ++k) rows.variance[at + k] = std::sqrt(rows.variance[at + k]);
            if (n_observed < n) blank(rows.variance, at, n);
        }
    }

    void whole_block(long at) {
        double sums[kLanes];  // eight side by side do not wait for each other; they depend on the column alone
        for (int lane = 0; lane < kLanes; ++lane) sums[lane] = weight_sums[lane];
        for (long k = 0; k < kBlock; k += kLanes)
            for (int lane = 0; lane < kLanes; ++lane) sums[lane] += rows.weight[at + k + lane];
        for (int lane = 0; lane < kLanes; ++lane) weight_sums[lane] = sums[lane];
        for (long k = 0; k < kBlock; ++k) add_weight(at + k);
        if (length && has_same_inputs(at))
            length += kBlock;
        else
            for (long k = 0; k < kBlock; ++k) add_inputs(at + k);
    }

    // Without a branch: which way it went could not be foreseen.
    void add_weight(long at) {
        const std::uint32_t bits = bits_of(rows.weight[at]), low = bits - first_low;
        const std::uint32_t high = (bits >> 16) | (std::uint32_t(at % kHighRows) << 16);
        const std::uint32_t is_low = 0u - std::uint32_t(low < n_low);
        ++counts.weights[high ^ ((high ^ (low + (kHighRows << 16))) & is_low)];
    }

    bool has_same_inputs(long at) const {
        std::uint32_t differing = 0;
        for (long plane = 0; plane < rows.n_planes; ++plane) {
            const std::int32_t* context = rows.context + plane * rows.plane_stride + at;
            for (long k = 0; k < kBlock; ++k) differing |= std::uint32_t(context[k]) ^ inputs[plane];
        }
        return !differing;
    }

    void add_inputs(long at) {
        const std::int32_t* context = rows.context + at;
        bool is_same = length > 0;
        for (long plane = 0; plane < rows.n_planes && is_same; ++plane)
            is_same = inputs[plane] == std::uint32_t(context[plane * rows.plane_stride]);
        if (!is_same) {
            end_run();
            for (long plane = 0; plane < rows.n_planes; ++plane)
                inputs[plane] = std::uint32_t(context[plane * rows.plane_stride]);
        }
        ++length;
    }

    void end_run() {
        if (!length) return;
        long n = 0;
        for (long group = 0; group < 4 * rows.n_planes; ++group) {
            const unsigned byte = byte_of(inputs.data(), group);
            counts.bytes[256 * group + byte] += length;
            n += __builtin_popcount(byte);
        }
        const float time = time_of(rows, inputs.data());
        counts.n_inputs[n] += length;
        times[bits_of(time)] += length;
        time_sum += double(time) * double(length);
        length = 0;
    }

    void set_bits(std::uint8_t* to, long at, long n, bool is_whole) const {
        for (long k = 0; k < n; k += 8) {
            const long n_left = n - k < 8 ? n - k : 8;
            unsigned byte = (1u << n_left) - 1;
            if (!is_whole) {
                byte = 0;
                for (long bit = 0; bit < n_left; ++bit) byte |= unsigned(rows.weight[at + k + bit] > 0) << bit;
            }
            to[k / 8] = std::uint8_t(byte);
        }
    }

    void blank(float* image, long at, long n) const {
        for (long k = at; k < at + n; ++k)
            if (!(rows.weight[k] > 0)) image[k] = std::numeric_limits<float>::quiet_NaN();
    }

    const CountedRows& rows;
    const Counts& counts;
    TimeCounts& times;
    std::vector<std::uint32_t> inputs;  // of the run of pixels that is being walked along
    long length = 0;
    const std::uint32_t first_low, n_low;
    double weight_sums[kLanes];
    double time_sum;
};

}  // namespace

void merge(const StripPart& strip, const float* science, const float* weight, const float* variance,
           long frame_stride, unsigned bit) {
    for (long y = 0; y < strip.ny; ++y)
        for (long x = 0, at = y * strip.stride, from = y * frame_stride; x < strip.nx; ++x, ++at, ++from)
            add(strip, at, science[from], weight[from], variance ? variance + from : nullptr, 1u << bit);
}

void count_rows(const CountedRows& rows, const Counts& counts, TimeCounts& times) {
    Walk walk(rows, counts, times);
    for (long y = 0; y < rows.ny; ++y) walk.row(y);
}

void count_low_halves(const float* numbers, long n, std::uint32_t high, std::int64_t* low) {
    for (long at = 0; at < n; ++at) {
        const std::uint32_t bits = bits_of(numbers[at]);
        if (bits >> 16 == high && numbers[at] > 0) ++low[bits & 0xFFFF];
    }
}

}  // namespace mvmdb
