#pragma once
#include "convolution.h"

namespace cytobench {

/** Whether `depthwiseWeightsGradient` takes a geometry: 3 x 3 or 5 x 5, channels in whole vectors. */
bool takesDepthwise(const Geometry& geometry);

/**
 * The gradient of a depthwise filter [k, k, channels]: for 5 x 5, oneDNN has only its general code, tens of times slower.
 * @param x [n, h, w, channels] @param dy [n, outH, outW, channels]
 */
void depthwiseWeightsGradient(const Geometry& geometry, const float* x, const float* dy, float* dw);

}  // namespace cytobench
