// CytobenchRoiAlign: RoIAlign over a pyramid, two samples a bin and side. CytobenchRoiAlignGrad: its gradient.
#include "roi_align_kernels.h"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernel.h"

namespace cytobench {

namespace {

/** Values of a region: x1, y1, x2, y2 in pixels of the image, its row in the batch, its level. */
constexpr int kFields = 6;

/** The up to four rows (or columns) that a bin reads, with their shares; those outside the map have none. */
struct Taps {
  int index[4];
  float weight[4];
};

/** Two samples between the quarters of a bin; up to a pixel outside takes the edge's value, farther counts as 0. */
Taps taps(float start, float bin, int position, int limit) {
  Taps out{};
  for (int s = 0; s < 2; s++) {
    float at = start + position * bin + (s + 0.5f) * bin / 2;
    const bool outside = at < -1 || at > limit;
    at = std::max(at, 0.0f);
    const int low = std::min(static_cast<int>(at), limit - 1), high = std::min(low + 1, limit - 1);
    const float fraction = low >= limit - 1 ? 0.0f : at - low;
    out.index[2 * s] = low;
    out.index[2 * s + 1] = high;
    out.weight[2 * s] = outside ? 0.0f : (1 - fraction) / 2;
    out.weight[2 * s + 1] = outside ? 0.0f : fraction / 2;
  }
  return out;
}

/** Taps of every bin of a region along one side. */
void side(float from, float to, float scale, int size, int64_t limit, std::vector<Taps>& out) {
  const float start = from * scale, bin = std::max(to * scale - start, 1.0f) / size;
  for (int i = 0; i < size; i++) out[i] = taps(start, bin, i, static_cast<int>(limit));
}

class RoiAlignKernel {
 public:
  explicit RoiAlignKernel(Attributes& attributes)
      : levels_(attributes.integer("L")), size_(attributes.integer("size")) {}

  void compute(Call& call) {
    std::vector<Tensor> maps;
    for (int l = 0; l < levels_; l++) maps.push_back(call.input(l));
    const Tensor rois = call.input(levels_);
    const int64_t n = rois.dim(0), channels = maps[0].dim(3);
    const Tensor out = call.output(0, {n, size_, size_, channels});
#pragma omp parallel
    {
      std::vector<Taps> ys(size_), xs(size_);
#pragma omp for schedule(static)
      for (int64_t i = 0; i < n; i++) {
        const float* roi = rois.data() + i * kFields;
        const Tensor& map = maps[static_cast<int>(roi[5])];
        const int64_t height = map.dim(1), width = map.dim(2);
        const float scale = 1.0f / (4 << static_cast<int>(roi[5]));
        side(roi[1], roi[3], scale, size_, height, ys);
        side(roi[0], roi[2], scale, size_, width, xs);
        const float* image = map.data() + static_cast<int64_t>(roi[4]) * height * width * channels;
        float* target = out.data() + i * size_ * size_ * channels;
        for (int y = 0; y < size_; y++)
          for (int x = 0; x < size_; x++, target += channels) {
            std::memset(target, 0, channels * sizeof(float));
            for (int a = 0; a < 4; a++)
              for (int b = 0; b < 4; b++) {
                const float weight = ys[y].weight[a] * xs[x].weight[b];
                if (weight == 0) continue;
                const float* source = image + (ys[y].index[a] * width + xs[x].index[b]) * channels;
#pragma omp simd
                for (int64_t c = 0; c < channels; c++) target[c] += weight * source[c];
              }
          }
      }
    }
  }

 private:
  const int levels_, size_;
};

class RoiAlignGradKernel {
 public:
  explicit RoiAlignGradKernel(Attributes& attributes)
      : levels_(attributes.integer("L")), size_(attributes.integer("size")) {}

  /** Each thread adds to channels of its own, in the order of the regions: no locks, and the same bits each time. */
  void compute(Call& call) {
    const Tensor dy = call.input(0), rois = call.input(1), shapes = call.input(2);
    const int64_t n = rois.dim(0);
    std::vector<Tensor> maps;
    for (int l = 0; l < levels_; l++) {
      const float* shape = shapes.data() + 4 * l;
      maps.push_back(call.output(l, {static_cast<int64_t>(shape[0]), static_cast<int64_t>(shape[1]),
                                     static_cast<int64_t>(shape[2]), static_cast<int64_t>(shape[3])}));
    }
    const int64_t channels = maps[0].dim(3);
    const int threads = omp_get_max_threads();
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int t = 0; t < threads; t++) {
      const int64_t from = channels * t / threads, to = channels * (t + 1) / threads;
      for (const Tensor& map : maps)
        for (int64_t p = 0, pixels = map.size() / channels; p < pixels; p++)
          std::memset(map.data() + p * channels + from, 0, (to - from) * sizeof(float));
      std::vector<Taps> ys(size_), xs(size_);
      for (int64_t i = 0; i < n; i++) {
        const float* roi = rois.data() + i * kFields;
        const Tensor& map = maps[static_cast<int>(roi[5])];
        const int64_t height = map.dim(1), width = map.dim(2);
        const float scale = 1.0f / (4 << static_cast<int>(roi[5]));
        side(roi[1], roi[3], scale, size_, height, ys);
        side(roi[0], roi[2], scale, size_, width, xs);
        float* image = map.data() + static_cast<int64_t>(roi[4]) * height * width * channels;
        const float* source = dy.data() + i * size_ * size_ * channels;
        for (int y = 0; y < size_; y++)
          for (int x = 0; x < size_; x++, source += channels)
            for (int a = 0; a < 4; a++)
              for (int b = 0; b < 4; b++) {
                const float weight = ys[y].weight[a] * xs[x].weight[b];
                if (weight == 0) continue;
                float* target = image + (ys[y].index[a] * width + xs[x].index[b]) * channels;
#pragma omp simd
                for (int64_t c = from; c < to; c++) target[c] += weight * source[c];
              }
      }
    }
  }

 private:
  const int levels_, size_;
};

}  // namespace

void registerRoiAlignKernels() {
  const std::vector<const char*> attributes = {"L: int >= 1", "size: int"};
  registerKernel<RoiAlignKernel>(
      {"CytobenchRoiAlign", attributes, {"maps: L * float", "rois: float"}, {"pooled: float"}});
  registerKernel<RoiAlignGradKernel>(
      {"CytobenchRoiAlignGrad", attributes, {"dy: float", "rois: float", "shapes: float"}, {"maps: L * float"}});
}

}  // namespace cytobench
