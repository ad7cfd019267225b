// What the kernel needs to know of a chip and of the output: plain values, no Python, no library.
//
// kernel.cpp and mapping.cpp are compiled once per instruction set, each time into a namespace of its own. So
// nothing here may be an inline function with code: the linker would keep one copy of it for all of them.
#pragma once

namespace mvmdb {

constexpr int kHighestOrder = 9;

// A lookup table of shifts, bilinear between nodes; beyond its edge the edge counts.
struct Table {
    const float* shifts = nullptr;  // ny rows of nx; null where there is no table
    long n[2] = {0, 0};             // nx, ny
    double crpix[2] = {0, 0}, crval[2] = {0, 0}, cdelt[2] = {1, 1};
};

// From 0-based pixels of a chip to 0-based pixels of the output.
struct Mapping {
    double crpix[2];
    int order = 0;  // of both polynomials; 0 where there is no SIP
    double sip[2][kHighestOrder + 1][kHighestOrder + 1] = {};
    double sip_crpix[2] = {0, 0};
    Table npol[2], d2im[2];
    double homography[9];
};

enum class Shape { square, turbo, point };

// A box of a layer, to whose running weighted mean a chip is added.
struct Strip {
    long x0, y0, nx, ny;  // in pixels of the layer
    float* science;
    float* weight;
    int* context;     // of one plane
    float* variance;  // null where none is wanted
    long stride;      // of rows, in elements
    int bit;          // of the context, as a mask
};

// Pixels of a chip as they stand in a file: big-endian float32, and big-endian flags of 16 bits.
struct StoredRows {
    const unsigned* science;
    const unsigned short* flags;
    long science_stride, flags_stride;  // of rows, in elements
    float factor, flux_scale, sky;      // science * factor * flux_scale - sky is the rate
    unsigned short rejecting;           // a pixel with any of these flags is masked
    float exptime;                      // the weight of all others
};

// One call: the rows of a chip, where they fall, and what they are added to.
struct Job {
    const StoredRows* stored;  // or
    const float* rate;
    const float* weight;
    const float* variance;                             // null where none is wanted
    long rate_stride, weight_stride, variance_stride;  // of rows, in elements
    long nx, ny;
    long x0, y0;              // pixel of the chip at the first element
    const Mapping* mapping;   // or
    const double* positions;  // (ny + 2, nx + 2, 2): with a ring of one pixel
    const long* node_rows;    // rows of each stretch where the mapping is evaluated: before and beyond them it is, too
    long n_node_rows;         // 4 or more; 0 where it is evaluated in every row
    Shape shape;
    double pixfrac;
    double area_ratio;
    Strip strip;
    double* scratch;  // drizzle_scratch() numbers, on a boundary of 64 bytes
};

struct Routines {
    const char* name;
    long (*drizzle_scratch)();          // numbers needed
    bool (*drizzle)(const Job&);       // false where an input pixel is too large, or memory is short
    // largest distance from where the mapping leads to where nodes do, over eight columns of a chip at least, every 64th
    // of a large one, and so many rows that at least four lie between two nodes, or all; NaN where either leads nowhere
    double (*mapping_error)(const Job&);
    long (*map_scratch)();
    // of every so many pixels from (x0, y) on
    void (*map_row)(const Mapping&, double x0, double step, double y, long n, double* x_out, double* y_out, double* scratch);
};

namespace generic { extern const Routines routines; }
namespace avx2 { extern const Routines routines; }
namespace avx512 { extern const Routines routines; }

}  // namespace mvmdb
