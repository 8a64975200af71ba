// CytobenchBatchNorm: activation of the norm by the batch's own statistics. CytobenchBatchNormGrad: its gradients.
#include "batch_norm_kernels.h"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernel.h"
#include "loops.h"

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
      : epsilon_(attributes.real("epsilon")), rectify_(attributes.integer("relu")), packed_(attributes.packed("Y")) {}

  void compute(Call& call) {
    const Tensor x = call.input(0), gamma = call.input(1), beta = call.input(2);
    const int64_t columns = gamma.size();
    std::vector<int64_t> shape;
    for (int i = 0; i < x.rank(); i++) shape.push_back(x.dim(i));
    shape.back() = columns;
    const Tensor y = call.output(0, shape, packed_), mean = call.output(1, {columns}),
                 variance = call.output(2, {columns}), unbiased = call.output(3, {columns});
    if (!x.size()) {
      for (const Tensor* none : {&mean, &variance, &unbiased}) std::memset(none->data(), 0, columns * sizeof(float));
      return;
    }
    const auto to = [&](const auto* in) {
      if (packed_)
        normalise(in, y.data<uint16_t>(), x.values() / columns, gamma, beta, mean, variance, unbiased);
      else
        normalise(in, y.data(), x.values() / columns, gamma, beta, mean, variance, unbiased);
    };
    x.packed() ? to(x.data<uint16_t>()) : to(x.data());
  }

 private:
  template <class In, class Out>
  void normalise(const In* in, Out* out, int64_t rows, const Tensor& gamma, const Tensor& beta, const Tensor& mean,
                 const Tensor& variance, const Tensor& unbiased) const {
    const int64_t columns = gamma.size();
    const int threads = omp_get_max_threads();
    // Deviations from the first row: the variance of values far from zero keeps its digits.
    Sums sums(threads, columns);
    inParts(rows, threads, [&](int t, int64_t from, int64_t to) {
      sumRows(from, to, columns, &sums.first[t * columns], &sums.second[t * columns],
              [&](int64_t i, int64_t c, float& a, float& b) {
                const float d = widened(in[i]) - widened(in[c]);
                a += d;
                b += d * d;
              });
    });
    sums.fold(threads, columns);
    std::vector<float> scale(columns), shift(columns);
    for (int64_t c = 0; c < columns; c++) {
      const double offset = sums.first[c] / rows;
      const double spread = std::max(sums.second[c] / rows - offset * offset, 0.0);
      mean.data()[c] = static_cast<float>(offset + widened(in[c]));
      variance.data()[c] = static_cast<float>(spread);
      unbiased.data()[c] = static_cast<float>(spread * rows / std::max<int64_t>(rows - 1, 1));
      scale[c] = static_cast<float>(gamma.data()[c] / std::sqrt(spread + epsilon_));
      shift[c] = beta.data()[c] - mean.data()[c] * scale[c];
    }
    const float *s = scale.data(), *o = shift.data();
    const float floor = rectify_ ? 0.0f : -INFINITY;
    inParts(rows, threads, [&](int, int64_t from, int64_t to) {
      for (int64_t r = from; r < to; r++) {
#pragma omp simd
        for (int64_t c = 0; c < columns; c++) {
          const float value = widened(in[r * columns + c]) * s[c] + o[c];
          narrow(value < floor ? floor : value, out[r * columns + c]);
        }
      }
    });
  }

  static void narrow(float value, float& out) { out = value; }
  static void narrow(float value, uint16_t& out) { out = rounded(value); }

  const float epsilon_;
  const int rectify_;
  const bool packed_;
};

class BatchNormGradKernel {
 public:
  explicit BatchNormGradKernel(Attributes& attributes)
      : epsilon_(attributes.real("epsilon")), rectify_(attributes.integer("relu")) {}

  void compute(Call& call) {
    const Tensor dy = call.input(0), x = call.input(1), gamma = call.input(2), beta = call.input(3),
                 mean = call.input(4), variance = call.input(5);
    const int64_t columns = gamma.size();
    std::vector<int64_t> shape;
    for (int i = 0; i < x.rank(); i++) shape.push_back(x.dim(i));
    shape.back() = columns;
    const Tensor dx = call.output(0, shape), dGamma = call.output(1, {columns}), dBeta = call.output(2, {columns});
    if (!x.size()) {
      for (const Tensor* none : {&dGamma, &dBeta}) std::memset(none->data(), 0, columns * sizeof(float));
      return;
    }
    const auto through = [&](const auto* in) { passBack(in, dy, gamma, beta, mean, variance, dx, dGamma, dBeta); };
    x.packed() ? through(x.data<uint16_t>()) : through(x.data());
  }

 private:
  template <class In>
  void passBack(const In* in, const Tensor& dy, const Tensor& gamma, const Tensor& beta, const Tensor& mean,
                const Tensor& variance, const Tensor& dx, const Tensor& dGamma, const Tensor& dBeta) const {
    const int64_t columns = gamma.size(), rows = dy.size() / columns;
    const int threads = omp_get_max_threads();
    std::vector<float> scale(columns), shift(columns), k1(columns), k2(columns);
    for (int64_t c = 0; c < columns; c++) {
      scale[c] = static_cast<float>(gamma.data()[c] / std::sqrt(static_cast<double>(variance.data()[c]) + epsilon_));
      shift[c] = beta.data()[c] - mean.data()[c] * scale[c];
    }
    const float *d = dy.data(), *s = scale.data(), *o = shift.data(), *m = mean.data();
    // The sign of the result is computed again from x: it need not be kept.
    const float floor = rectify_ ? 0.0f : -INFINITY;
    auto passed = [=](float value, float gradient, int64_t c) {
      return value * s[c] + o[c] > floor ? gradient : 0.0f;
    };
    Sums sums(threads, columns);
    inParts(rows, threads, [&](int t, int64_t from, int64_t to) {
      sumRows(from, to, columns, &sums.first[t * columns], &sums.second[t * columns],
              [&](int64_t i, int64_t c, float& a, float& b) {
                const float value = widened(in[i]), g = passed(value, d[i], c);
                a += g;
                b += g * (value - m[c]);
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
          const float value = widened(in[i]);
          out[i] = s[c] * (passed(value, d[i], c) - a[c] - (value - m[c]) * b[c]);
        }
      }
    });
  }

  const float epsilon_;
  const int rectify_;
};

}  // namespace

void registerBatchNormKernels() {
  const std::vector<const char*> attributes = {"epsilon: float", "relu: int", "X: {float, int32}", "Y: {float, int32}"};
  registerKernel<BatchNormKernel>({"CytobenchBatchNorm",
                                   attributes,
                                   {"x: X", "gamma: float", "beta: float"},
                                   {"y: Y", "mean: float", "variance: float", "unbiased: float"}});
  registerKernel<BatchNormGradKernel>(
      {"CytobenchBatchNormGrad",
       attributes,
       {"dy: float", "x: X", "gamma: float", "beta: float", "mean: float", "variance: float"},
       {"dx: float", "dgamma: float", "dbeta: float"}});
}

}  // namespace cytobench
