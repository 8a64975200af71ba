// Working memory that is kept between calls: a fresh allocation of megabytes costs a page fault every 4 kB.
#pragma once
#include <cstddef>
#include <cstdlib>
#include <new>

namespace cytobench {

/** A growing buffer. The runtime executes kernels one after the other, so each use has one of its own. */
class Arena {
 public:
  template <class T>
  T* get(size_t count) {
    const size_t bytes = (count * sizeof(T) + 63) / 64 * 64;
    if (bytes > bytes_) {
      std::free(data_);
      bytes_ = 0;
      data_ = std::aligned_alloc(64, bytes);
      if (!data_) throw std::bad_alloc();
      bytes_ = bytes;
    }
    return static_cast<T*>(data_);
  }

 private:
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace cytobench
