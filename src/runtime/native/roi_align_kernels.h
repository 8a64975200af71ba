#pragma once
namespace cytobench {
void registerRoiAlignKernels();
}
