// A strip of a layer while chips are added to it, and what is counted on it: plain loops over rows.
#pragma once

#include <cstdint>
#include <unordered_map>

namespace mvmdb {

// Arrays of a strip, or of a part of it: rows may lie apart, by as many elements as the stride says.
struct StripPart {
    float* science;
    float* weight;
    std::int32_t* context;  // of one plane
    float* variance;        // null where none is wanted
    long stride;
    long nx, ny;
};

// Adds one chip that has been drizzled to the running weighted mean.
void merge(const StripPart& strip, const float* science, const float* weight, const float* variance,
           long frame_stride, unsigned bit);

// Rows that are complete. Those of one image lie side by side.
struct CountedRows {
    const float* weight;          // (ny, nx)
    const std::int32_t* context;  // (n_planes, ny, nx), planes lie apart by as many elements as the stride says
    long plane_stride;
    long n_planes, nx, ny;
    const double* times;          // (4 n_planes, 256): exposure time of the inputs of each value of each byte
    float* science;               // null, or made NaN where nothing was observed
    float* variance;              // null, or made the standard deviation, NaN as well
    std::uint8_t* observed;       // null, or (ny, (nx + 7) / 8), 0 before: a bit for each pixel, the lowest first
};

constexpr std::uint32_t kHighRows = 2;

// What is counted on the observed pixels. Histograms are added to.
struct Counts {
    std::int64_t* n_inputs;
    std::int64_t* bytes;
    // (kHighRows + n_bins, 65536). A weight of which the upper 16 bits are first_bin or one of the n_bins - 1 after it
    // is counted by its lower bits, in one of the last rows; any other one by its upper bits, in one of the first:
    // neighbours in turns, as a processor waits when it changes the same number twice.
    std::uint32_t* weights;
    std::uint32_t first_bin, n_bins;
    double* row_weight;
    double* row_time;
};

using TimeCounts = std::unordered_map<std::uint32_t, std::int64_t>;  // pixels by the bits of their exposure time

void count_rows(const CountedRows& rows, const Counts& counts, TimeCounts& times);

// Histogram of the lower halves of the positive numbers with this upper half.
void count_low_halves(const float* numbers, long n, std::uint32_t high, std::int64_t* low);

}  // namespace mvmdb
