// Convolutions by oneDNN, one set of primitives for each geometry, kept for the life of the process.
#pragma once
#include <oneapi/dnnl/dnnl.hpp>

#include <array>
#include <cstdint>

namespace cytobench {

enum Activation { kNone = 0, kRelu = 1, kRelu6 = 2 };

/** Everything a convolution's code depends on. */
struct Geometry {
  int64_t n, h, w, inputs, outputs, kernelH, kernelW, stride, top, left, outH, outW;
  int64_t depthwise, activation, bfloat16;
  /** The forward pass writes bfloat16. */
  int64_t packed;
  bool operator<(const Geometry& other) const { return values() < other.values(); }
  std::array<int64_t, 16> values() const {
    return {n,    h,    w,    inputs,    outputs,    kernelH,  kernelW, stride,
            top,  left, outH, outW,      depthwise,  activation, bfloat16, packed};
  }
};

struct Forward {
  dnnl::convolution_forward::primitive_desc description;
  dnnl::primitive run;
  dnnl::reorder packWeights;
};
struct DataGradient {
  dnnl::convolution_backward_data::primitive_desc description;
  dnnl::primitive run;
  dnnl::reorder packWeights;
};
struct WeightsGradient {
  dnnl::convolution_backward_weights::primitive_desc description;
  dnnl::primitive run;
  dnnl::reorder unpackWeights;
};

dnnl::engine& engine();
dnnl::stream& stream();
/** Filters as the layers store them: [h, w, in, out], depthwise [h, w, channels, 1]. */
dnnl::memory::desc plainWeights(const Geometry& geometry);
Forward& forward(const Geometry& geometry);
DataGradient& dataGradient(const Geometry& geometry);
WeightsGradient& weightsGradient(const Geometry& geometry);

}  // namespace cytobench
