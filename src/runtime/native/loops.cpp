#include "loops.h"

#include <omp.h>

#include <algorithm>
#include <vector>

#include "convolution.h"

namespace cytobench {

namespace {

/** Below this many values a second thread costs more than it saves. */
constexpr int64_t kSerial = 16384;

template <int kActivation>
inline float passed(float dy, float y) {
  if (kActivation == kRelu) return y > 0 ? dy : 0;
  if (kActivation == kRelu6) return y > 0 && y < 6 ? dy : 0;
  return dy;
}

template <int kActivation, bool kBfloat16, bool kStore, bool kSum, class Y>
void rowsThrough(const float* dy, const Y* y, int64_t from, int64_t to, int64_t columns, void* out, double* total) {
  std::vector<float> partial(kSum ? columns : 0);
  for (int64_t block = from; block < to; block += 64) {
    const int64_t end = std::min(block + 64, to);
    if (kSum) std::fill(partial.begin(), partial.end(), 0.0f);
    float* part = partial.data();
    for (int64_t r = block; r < end; r++) {
      const float* d = dy + r * columns;
      const Y* v = y + r * columns;
      float* f = kStore && !kBfloat16 ? static_cast<float*>(out) + r * columns : nullptr;
      uint16_t* b = kStore && kBfloat16 ? static_cast<uint16_t*>(out) + r * columns : nullptr;
#pragma omp simd
      for (int64_t c = 0; c < columns; c++) {
        const float g = passed<kActivation>(d[c], kActivation == kNone ? 0.0f : widened(v[c]));
        if (kSum) part[c] += g;
        if (kStore && kBfloat16) b[c] = rounded(g);
        if (kStore && !kBfloat16) f[c] = g;
      }
    }
    if (kSum)
      for (int64_t c = 0; c < columns; c++) total[c] += part[c];
  }
}

template <int kActivation, bool kBfloat16, bool kStore, bool kSum, class Y>
void through(const float* dy, const Y* y, int64_t rows, int64_t columns, void* out, float* sum) {
  const int threads = rows * columns < kSerial ? 1 : omp_get_max_threads();
  std::vector<std::vector<double>> totals(threads, std::vector<double>(kSum ? columns : 0));
#pragma omp parallel for num_threads(threads) schedule(static, 1)
  for (int t = 0; t < threads; t++)
    rowsThrough<kActivation, kBfloat16, kStore, kSum>(dy, y, rows * t / threads, rows * (t + 1) / threads, columns, out,
                                                      totals[t].data());
  if (!kSum) return;
  for (int64_t c = 0; c < columns; c++) {
    double value = 0;
    for (const auto& total : totals) value += total[c];
    sum[c] = static_cast<float>(value);
  }
}

template <int kActivation, class Y>
void dispatch(const float* dy, const Y* y, int64_t rows, int64_t columns, bool bfloat16, void* out, float* sum) {
  if (bfloat16 && out && sum) return through<kActivation, true, true, true>(dy, y, rows, columns, out, sum);
  if (bfloat16 && out) return through<kActivation, true, true, false>(dy, y, rows, columns, out, sum);
  if (out && sum) return through<kActivation, false, true, true>(dy, y, rows, columns, out, sum);
  if (out) return through<kActivation, false, true, false>(dy, y, rows, columns, out, sum);
  return through<kActivation, false, false, true>(dy, y, rows, columns, out, sum);
}

}  // namespace

void toBfloat16(const float* values, uint16_t* out, int64_t count) {
#pragma omp parallel for simd schedule(static) if (count >= kSerial)
  for (int64_t i = 0; i < count; i++) out[i] = rounded(values[i]);
}

void scaleColumns(const float* values, const float* scale, float* out, int64_t rows, int64_t columns) {
#pragma omp parallel for schedule(static) if (rows * columns >= kSerial)
  for (int64_t r = 0; r < rows; r++) {
#pragma omp simd
    for (int64_t c = 0; c < columns; c++) out[r * columns + c] = values[r * columns + c] * scale[c];
  }
}

void throughActivation(const float* dy, Values y, int64_t activation, int64_t rows, int64_t columns, bool bfloat16,
                       void* out, float* sum) {
  const auto with = [&](const auto* values) {
    if (activation == kRelu) return dispatch<kRelu>(dy, values, rows, columns, bfloat16, out, sum);
    if (activation == kRelu6) return dispatch<kRelu6>(dy, values, rows, columns, bfloat16, out, sum);
    return dispatch<kNone>(dy, values, rows, columns, bfloat16, out, sum);
  };
  if (y.packed) return with(static_cast<const uint16_t*>(y.data));
  return with(static_cast<const float*>(y.data));
}

}  // namespace cytobench
