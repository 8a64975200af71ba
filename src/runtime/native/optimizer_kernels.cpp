// CytobenchSgd: one step over all parameters, in place. CytobenchNorm: the norm of a list of tensors together.
#include "optimizer_kernels.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernel.h"

namespace cytobench {

namespace {

/** Values a thread takes at once; sums are made block by block, so their order is fixed. */
constexpr int64_t kBlock = 16384;

class SgdKernel {
 public:
  explicit SgdKernel(Attributes& attributes) : count_(attributes.integer("N")) {}

  /** v = momentum v + (scale g + decay p); p = p - rate v. An empty gradient is one of zeros. */
  void compute(Call& call) {
    const Tensor settings = call.input(3 * count_);
    const float momentum = settings.data()[0], decay = settings.data()[1], scale = settings.data()[2];
    for (int i = 0; i < count_; i++) {
      const Tensor parameter = call.input(i), gradient = call.input(count_ + i), velocity = call.input(2 * count_ + i);
      const float rate = settings.data()[3 + i];
      const int64_t size = parameter.size();
      float* p = parameter.data();
      float* v = velocity.data();
      const float* g = gradient.size() ? gradient.data() : nullptr;
      if (velocity.size() != size || (g && gradient.size() != size))
        throw std::runtime_error("a gradient or a momentum has not the size of its parameter");
#pragma omp parallel for schedule(static) if (size > kBlock)
      for (int64_t from = 0; from < size; from += kBlock) {
        const int64_t to = std::min(from + kBlock, size);
#pragma omp simd
        for (int64_t k = from; k < to; k++) {
          const float moved = momentum * v[k] + ((g ? scale * g[k] : 0.0f) + decay * p[k]);
          v[k] = moved;
          p[k] -= rate * moved;
        }
      }
    }
    call.output(0, {0});
  }

 private:
  const int count_;
};

class NormKernel {
 public:
  explicit NormKernel(Attributes& attributes) : count_(attributes.integer("N")) {}

  void compute(Call& call) {
    double total = 0;
    std::vector<double> sums;
    for (int i = 0; i < count_; i++) {
      const Tensor tensor = call.input(i);
      const float* values = tensor.data();
      const int64_t size = tensor.size(), blocks = (size + kBlock - 1) / kBlock;
      sums.assign(blocks, 0);
#pragma omp parallel for schedule(static) if (blocks > 1)
      for (int64_t b = 0; b < blocks; b++) {
        const int64_t to = std::min((b + 1) * kBlock, size);
        double sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t k = b * kBlock; k < to; k++) sum += static_cast<double>(values[k]) * values[k];
        sums[b] = sum;
      }
      for (double sum : sums) total += sum;
    }
    call.output(0, {}).data()[0] = static_cast<float>(std::sqrt(total));
  }

 private:
  const int count_;
};

}  // namespace

void registerOptimizerKernels() {
  registerKernel<SgdKernel>({"CytobenchSgd",
                             {"N: int >= 1"},
                             {"parameters: N * float", "gradients: N * float", "velocities: N * float", "settings: float"},
                             {"done: float"}});
  registerKernel<NormKernel>({"CytobenchNorm", {"N: int >= 1"}, {"values: N * float"}, {"norm: float"}});
}

}  // namespace cytobench
