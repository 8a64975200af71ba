#pragma once
namespace cytobench {
void registerBatchNormKernels();
}
