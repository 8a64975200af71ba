// Passes over memory, shared between the threads in fixed parts, so that sums have one order.
#pragma once
#include <cstdint>
#include <cstring>

namespace cytobench {

void toBfloat16(const float* values, uint16_t* out, int64_t count);

/** out[r, c] = values[r, c] * scale[c]. In place where out is values. */
void scaleColumns(const float* values, const float* scale, float* out, int64_t rows, int64_t columns);

inline float widened(float value) { return value; }
inline float widened(uint16_t value) {
  const uint32_t bits = static_cast<uint32_t>(value) << 16;
  float out;
  std::memcpy(&out, &bits, 4);
  return out;
}

/** Nearest, ties to even. */
inline uint16_t rounded(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16);
}

/** Float32, or bfloat16 where `packed`. */
struct Values {
  const void* data;
  bool packed;
};

/**
 * The gradient before an activation, from the one behind it (dy) and its result (y).
 * @param out float32, or bfloat16 with `bfloat16`; null where only the sum is wanted.
 * @param sum [columns] its sum over the rows, or null.
 */
void throughActivation(const float* dy, Values y, int64_t activation, int64_t rows, int64_t columns,
                       bool bfloat16, void* out, float* sum);

}  // namespace cytobench
