#include "depthwise.h"

#include <algorithm>
#include <cstring>

namespace cytobench {

namespace {

constexpr int kLanes = 16;
typedef float Vector __attribute__((vector_size(kLanes * sizeof(float)), aligned(4)));

/** Sixteen channels: sums stay in registers along a row of the output, then join the total. */
template <int kSize>
void block(const Geometry& g, const float* x, const float* dy, float* dw) {
  Vector total[kSize * kSize] = {};
  for (int64_t n = 0; n < g.n; n++)
    for (int64_t oh = 0; oh < g.outH; oh++)
      for (int ky = 0; ky < kSize; ky++) {
        const int64_t y = oh * g.stride + ky - g.top;
        if (y < 0 || y >= g.h) continue;
        const float* row = x + (n * g.h + y) * g.w * g.inputs;
        const float* gradient = dy + (n * g.outH + oh) * g.outW * g.inputs;
        Vector sums[kSize] = {};
        for (int64_t ow = 0; ow < g.outW; ow++) {
          const Vector d = *reinterpret_cast<const Vector*>(gradient + ow * g.inputs);
          const int64_t left = ow * g.stride - g.left;
          if (left >= 0 && left + kSize <= g.w) {
            for (int kx = 0; kx < kSize; kx++)
              sums[kx] += d * *reinterpret_cast<const Vector*>(row + (left + kx) * g.inputs);
          } else {
            for (int kx = 0; kx < kSize; kx++)
              if (left + kx >= 0 && left + kx < g.w)
                sums[kx] += d * *reinterpret_cast<const Vector*>(row + (left + kx) * g.inputs);
          }
        }
        for (int kx = 0; kx < kSize; kx++) total[ky * kSize + kx] += sums[kx];
      }
  for (int k = 0; k < kSize * kSize; k++) std::memcpy(dw + k * g.inputs, &total[k], sizeof(Vector));
}

}  // namespace

bool takesDepthwise(const Geometry& g) {
  return g.depthwise && g.kernelH == g.kernelW && (g.kernelH == 3 || g.kernelH == 5) && g.inputs % kLanes == 0;
}

void depthwiseWeightsGradient(const Geometry& g, const float* x, const float* dy, float* dw) {
#pragma omp parallel for schedule(static)
  for (int64_t c = 0; c < g.inputs; c += kLanes)
    if (g.kernelH == 5)
      block<5>(g, x + c, dy + c, dw + c);
    else
      block<3>(g, x + c, dy + c, dw + c);
}

}  // namespace cytobench
