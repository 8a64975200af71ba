#pragma once
namespace cytobench {
void registerOptimizerKernels();
}
