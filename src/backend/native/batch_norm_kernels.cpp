// CytobenchBatchNorm: activation of the norm by the batch's own statistics. CytobenchBatchNormGrad: its gradients.
#include "batch_norm_kernels.h"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernel.h"

namespace cytobench {

namespace {

/** Rows summed in float32 before they go into a double: the error of a sum over a hundred thousand rows stays small. */
constexpr int64_t kBlock = 64;

/** Calls part(thread, first row, last row): fixed parts, so that sums have one order. */
template <class Part>
void inParts(int64_t rows, int threads, Part part) {
#pragma omp parallel for num_threads(threads) schedule(static, 1)
  for (int t = 0; t < threads; t++) part(t, rows * t / threads, rows * (t + 1) / threads);
}

/** Column sums of two quantities at once, in double. */
struct Sums {
  std::vector<double> first, second;
  Sums(int threads, int64_t columns) : first(threads * columns), second(threads * columns) {}
  void fold(int threads, int64_t columns) {
    for (int t = 1; t < threads; t++)
      for (int64_t c = 0; c < columns; c++) {
        first[c] += first[t * columns + c];
        second[c] += second[t * columns + c];
      }
  }
};

/** Adds term(row, column, &a, &b) over rows from..to into the doubles at a and b. */
template <class Term>
void sumRows(int64_t from, int64_t to, int64_t columns, double* a, double* b, Term term) {
  std::vector<float> partial(2 * columns);
  float* p = partial.data();
  float* q = p + columns;
  for (int64_t block = from; block < to; block += kBlock) {
    std::fill(partial.begin(), partial.end(), 0.0f);
    for (int64_t r = block, end = std::min(block + kBlock, to); r < end; r++) {
#pragma omp simd
      for (int64_t c = 0; c < columns; c++) term(r * columns + c, c, p[c], q[c]);
    }
    for (int64_t c = 0; c < columns; c++) {
      a[c] += p[c];
      b[c] += q[c];
    }
  }
}

class BatchNormKernel {
 public:
  explicit BatchNormKernel(Attributes& attributes)
      : epsilon_(attributes.real("epsilon")), rectify_(attributes.integer("relu")) {}

  void compute(Call& call) {
    const Tensor x = call.input(0), gamma = call.input(1), beta = call.input(2);
    const int64_t columns = gamma.size(), rows = x.size() / std::max<int64_t>(columns, 1);
    std::vector<int64_t> shape;
    for (int i = 0; i < x.rank(); i++) shape.push_back(x.dim(i));
    const Tensor y = call.output(0, shape), mean = call.output(1, {columns}), variance = call.output(2, {columns}),
                 unbiased = call.output(3, {columns});
    if (rows == 0) {
      for (const Tensor* none : {&mean, &variance, &unbiased}) std::memset(none->data(), 0, columns * sizeof(float));
      return;
    }
    const int threads = omp_get_max_threads();
    const float* in = x.data();
    // Deviations from the first row: the variance of values far from zero keeps its digits.
    Sums sums(threads, columns);
    inParts(rows, threads, [&](int t, int64_t from, int64_t to) {
      sumRows(from, to, columns, &sums.first[t * columns], &sums.second[t * columns],
              [&](int64_t i, int64_t c, float& a, float& b) {
                const float d = in[i] - in[c];
                a += d;
                b += d * d;
              });
    });
    sums.fold(threads, columns);
    std::vector<float> scale(columns), shift(columns);
    for (int64_t c = 0; c < columns; c++) {
      const double offset = sums.first[c] / rows;
      const double spread = std::max(sums.second[c] / rows - offset * offset, 0.0);
      mean.data()[c] = static_cast<float>(offset + in[c]);
      variance.data()[c] = static_cast<float>(spread);
      unbiased.data()[c] = static_cast<float>(spread * rows / std::max<int64_t>(rows - 1, 1));
      scale[c] = static_cast<float>(gamma.data()[c] / std::sqrt(spread + epsilon_));
      shift[c] = beta.data()[c] - mean.data()[c] * scale[c];
    }
    float* out = y.data();
    const float *s = scale.data(), *o = shift.data();
    const float floor = rectify_ ? 0.0f : -INFINITY;
    inParts(rows, threads, [&](int, int64_t from, int64_t to) {
      for (int64_t r = from; r < to; r++) {
#pragma omp simd
        for (int64_t c = 0; c < columns; c++) {
          const float value = in[r * columns + c] * s[c] + o[c];
          out[r * columns + c] = value < floor ? floor : value;
        }
      }
    });
  }

 private:
  const float epsilon_;
  const int rectify_;
};

class BatchNormGradKernel {
 public:
  explicit BatchNormGradKernel(Attributes& attributes)
      : epsilon_(attributes.real("epsilon")), rectify_(attributes.integer("relu")) {}

  void compute(Call& call) {
    const Tensor dy = call.input(0), x = call.input(1), gamma = call.input(2), beta = call.input(3),
                 mean = call.input(4), variance = call.input(5);
    const int64_t columns = gamma.size(), rows = x.size() / std::max<int64_t>(columns, 1);
    std::vector<int64_t> shape;
    for (int i = 0; i < x.rank(); i++) shape.push_back(x.dim(i));
    const Tensor dx = call.output(0, shape), dGamma = call.output(1, {columns}), dBeta = call.output(2, {columns});
    if (rows == 0) {
      for (const Tensor* none : {&dGamma, &dBeta}) std::memset(none->data(), 0, columns * sizeof(float));
      return;
    }
    const int threads = omp_get_max_threads();
    std::vector<float> scale(columns), shift(columns), k1(columns), k2(columns);
    for (int64_t c = 0; c < columns; c++) {
      scale[c] = static_cast<float>(gamma.data()[c] / std::sqrt(static_cast<double>(variance.data()[c]) + epsilon_));
      shift[c] = beta.data()[c] - mean.data()[c] * scale[c];
    }
    const float *in = x.data(), *d = dy.data(), *s = scale.data(), *o = shift.data(), *m = mean.data();
    // The sign of the result is computed again from x: it need not be kept.
    const bool rectify = rectify_;
    auto passed = [=](int64_t i, int64_t c) { return !rectify || in[i] * s[c] + o[c] > 0 ? d[i] : 0.0f; };
    Sums sums(threads, columns);
    inParts(rows, threads, [&](int t, int64_t from, int64_t to) {
      sumRows(from, to, columns, &sums.first[t * columns], &sums.second[t * columns],
              [&](int64_t i, int64_t c, float& a, float& b) {
                const float g = passed(i, c);
                a += g;
                b += g * (in[i] - m[c]);
              });
    });
    sums.fold(threads, columns);
    for (int64_t c = 0; c < columns; c++) {
      const double inverse = 1 / std::sqrt(static_cast<double>(variance.data()[c]) + epsilon_);
      dBeta.data()[c] = static_cast<float>(sums.first[c]);
      dGamma.data()[c] = static_cast<float>(sums.second[c] * inverse);
      k1[c] = static_cast<float>(sums.first[c] / rows);
      k2[c] = static_cast<float>(sums.second[c] / rows * inverse * inverse);
    }
    float* out = dx.data();
    const float *a = k1.data(), *b = k2.data();
    inParts(rows, threads, [&](int, int64_t from, int64_t to) {
      for (int64_t r = from; r < to; r++) {
#pragma omp simd
        for (int64_t c = 0; c < columns; c++) {
          const int64_t i = r * columns + c;
          out[i] = s[c] * (passed(i, c) - a[c] - (in[i] - m[c]) * b[c]);
        }
      }
    });
  }

 private:
  const float epsilon_;
  const int rectify_;
};

}  // namespace

void registerBatchNormKernels() {
  const std::vector<const char*> attributes = {"epsilon: float", "relu: int"};
  registerKernel<BatchNormKernel>({"CytobenchBatchNorm",
                                   attributes,
                                   {"x: float", "gamma: float", "beta: float"},
                                   {"y: float", "mean: float", "variance: float", "unbiased: float"}});
  registerKernel<BatchNormGradKernel>(
      {"CytobenchBatchNormGrad",
       attributes,
       {"dy: float", "x: float", "gamma: float", "beta: float", "mean: float", "variance: float"},
       {"dx: float", "dgamma: float", "dbeta: float"}});
}

}  // namespace cytobench
