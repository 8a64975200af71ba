#pragma once
namespace cytobench {
void registerConvKernels();
}
