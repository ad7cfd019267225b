// A strip of a layer while chips are added to it, and what is counted on it: plain loops over rows.
#pragma once

#include <cstdint>

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

// What is counted on the observed pixels of some rows. Histograms are added to.
struct Tally {
    const float* weight;           // (ny, nx)
    const std::int32_t* context;   // (n_planes, ny, nx)
    long n_planes, nx, ny;
    const double* times;           // (4 n_planes, 256): exposure time of the inputs of each value of each byte
};

void count_pixels(const Tally& tally, std::int64_t* n_inputs, std::int64_t* bytes, std::int64_t* high_weight,
                  std::int64_t* high_time, double* row_weight, double* row_time);

// Histograms of the lower halves of the numbers whose upper halves are the given ones.
void count_low_halves(const Tally& tally, std::uint32_t of_weight, std::uint32_t of_time,
                      std::int64_t* low_weight, std::int64_t* low_time);

}  // namespace mvmdb
