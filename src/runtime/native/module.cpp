// The library that Node loads: it adds the kernels to the TensorFlow of the process, and exports nothing to JavaScript.
#include <malloc.h>

#include <stdexcept>

#include "batch_norm_kernels.h"
#include "conv_kernels.h"
#include "optimizer_kernels.h"
#include "roi_align_kernels.h"

/** Node calls this once. Declared by hand: two opaque pointers need no headers. */
extern "C" __attribute__((visibility("default"))) void* napi_register_module_v1(void*, void* exports) {
  // Tensors of megabytes come and go hundreds of times a step: keep their pages instead of faulting them in again.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  try {
    cytobench::registerBatchNormKernels();
    cytobench::registerConvKernels();
    cytobench::registerOptimizerKernels();
    cytobench::registerRoiAlignKernels();
    return exports;
  } catch (const std::exception&) {
    return nullptr;
  }
}
