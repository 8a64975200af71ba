// Passes over memory, shared between the threads in fixed parts, so that sums have one order.
#pragma once
#include <cstdint>

namespace cytobench {

/** Nearest, ties to even. */
void toBfloat16(const float* values, uint16_t* out, int64_t count);

/** out[r, c] = values[r, c] * scale[c]. In place where out is values. */
void scaleColumns(const float* values, const float* scale, float* out, int64_t rows, int64_t columns);

/**
 * The gradient before an activation, from the one behind it (dy) and its result (y).
 * @param out float32, or bfloat16 with `bfloat16`; null where only the sum is wanted.
 * @param sum [columns] its sum over the rows, or null.
 */
void throughActivation(const float* dy, const float* y, int64_t activation, int64_t rows, int64_t columns,
                       bool bfloat16, void* out, float* sum);

}  // namespace cytobench
