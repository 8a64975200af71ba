// A small layer over TensorFlow's C API for kernels: inputs, outputs, attributes, errors.
#pragma once
#include <tensorflow/c/kernels.h>
#include <tensorflow/c/ops.h>
#include <tensorflow/c/tf_tensor.h>

#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

namespace cytobench {

/** A tensor that this process reads, or writes as an output. */
class Tensor {
 public:
  explicit Tensor(TF_Tensor* tensor) : tensor_(tensor) {}
  Tensor(Tensor&& other) noexcept : tensor_(other.tensor_) { other.tensor_ = nullptr; }
  Tensor(const Tensor&) = delete;
  ~Tensor() {
    if (tensor_) TF_DeleteTensor(tensor_);
  }
  int rank() const { return TF_NumDims(tensor_); }
  int64_t dim(int i) const { return TF_Dim(tensor_, i); }
  int64_t size() const { return TF_TensorElementCount(tensor_); }
  /** Two bfloat16 in each int32, along the last axis. */
  bool packed() const { return TF_TensorType(tensor_) == TF_INT32; }
  /** The last axis, in values. */
  int64_t channels() const { return dim(rank() - 1) * (packed() ? 2 : 1); }
  int64_t values() const { return size() * (packed() ? 2 : 1); }
  template <class T = float>
  T* data() const {
    return static_cast<T*>(TF_TensorData(tensor_));
  }

 private:
  TF_Tensor* tensor_;
};

/** What a kernel sees of one call. */
class Call {
 public:
  explicit Call(TF_OpKernelContext* context) : context_(context), status_(TF_NewStatus()) {}
  ~Call() { TF_DeleteStatus(status_); }
  int inputs() const { return TF_NumInputs(context_); }
  Tensor input(int i) {
    TF_Tensor* tensor = nullptr;
    TF_GetInput(context_, i, &tensor, status_);
    check();
    return Tensor(tensor);
  }
  /** Float32, or `packed`: then with half as many elements along the last axis, which is even. */
  Tensor output(int i, std::vector<int64_t> shape, bool packed = false) {
    if (packed) shape.back() /= 2;
    size_t bytes = sizeof(float);
    for (int64_t side : shape) bytes *= side;
    TF_Tensor* tensor = TF_AllocateOutput(context_, i, packed ? TF_INT32 : TF_FLOAT, shape.data(),
                                          static_cast<int>(shape.size()), bytes, status_);
    check();
    return Tensor(tensor);
  }
  void fail(const std::string& reason) {
    TF_SetStatus(status_, TF_INTERNAL, reason.c_str());
    TF_OpKernelContext_Failure(context_, status_);
  }

 private:
  void check() {
    if (TF_GetCode(status_) != TF_OK) throw std::runtime_error(TF_Message(status_));
  }
  TF_OpKernelContext* context_;
  TF_Status* status_;
};

/** Attributes of a kernel, read once when it is made. */
class Attributes {
 public:
  explicit Attributes(TF_OpKernelConstruction* construction)
      : construction_(construction), status_(TF_NewStatus()) {}
  ~Attributes() { TF_DeleteStatus(status_); }
  int integer(const char* name) {
    int64_t value = 0;
    TF_OpKernelConstruction_GetAttrInt64(construction_, name, &value, status_);
    return static_cast<int>(value);
  }
  /** Whether a type is that of packed values. */
  bool packed(const char* name) {
    TF_DataType value = TF_FLOAT;
    TF_OpKernelConstruction_GetAttrType(construction_, name, &value, status_);
    return value == TF_INT32;
  }
  float real(const char* name) {
    float value = 0;
    TF_OpKernelConstruction_GetAttrFloat(construction_, name, &value, status_);
    return value;
  }

 private:
  TF_OpKernelConstruction* construction_;
  TF_Status* status_;
};

template <class Kernel>
void* create(TF_OpKernelConstruction* construction) {
  Attributes attributes(construction);
  return new Kernel(attributes);
}

/** Working memory and streams are shared by all kernels, and a function of ops may run on a thread of its own. */
inline std::mutex& oneAtATime() {
  static std::mutex mutex;
  return mutex;
}

template <class Kernel>
void compute(void* kernel, TF_OpKernelContext* context) {
  const std::lock_guard<std::mutex> lock(oneAtATime());
  Call call(context);
  try {
    static_cast<Kernel*>(kernel)->compute(call);
  } catch (const std::exception& error) {
    call.fail(error.what());
  }
}

template <class Kernel>
void destroy(void* kernel) {
  delete static_cast<Kernel*>(kernel);
}

struct Definition {
  const char* name;
  std::vector<const char*> attributes;
  std::vector<const char*> inputs;
  std::vector<const char*> outputs;
};

/** Registers an op and its kernel for the CPU. */
template <class Kernel>
void registerKernel(const Definition& definition) {
  TF_Status* status = TF_NewStatus();
  TF_OpDefinitionBuilder* op = TF_NewOpDefinitionBuilder(definition.name);
  for (const char* attribute : definition.attributes) TF_OpDefinitionBuilderAddAttr(op, attribute);
  for (const char* input : definition.inputs) TF_OpDefinitionBuilderAddInput(op, input);
  for (const char* output : definition.outputs) TF_OpDefinitionBuilderAddOutput(op, output);
  // Stateful, so that nothing folds or shares calls: some kernels write to their inputs.
  TF_OpDefinitionBuilderSetIsStateful(op, true);
  // A function takes no op without one: shapes are known when it runs.
  TF_OpDefinitionBuilderSetShapeInferenceFunction(op, [](TF_ShapeInferenceContext* shapes, TF_Status* status) {
    TF_ShapeInferenceContextSetUnknownShape(shapes, status);
  });
  TF_RegisterOpDefinition(op, status);
  if (TF_GetCode(status) == TF_OK) {
    TF_KernelBuilder* builder = TF_NewKernelBuilder(definition.name, "CPU", &create<Kernel>, &compute<Kernel>,
                                                    &destroy<Kernel>);
    TF_RegisterKernelBuilder(definition.name, builder, status);
  }
  const std::string reason = TF_GetCode(status) == TF_OK ? "" : TF_Message(status);
  TF_DeleteStatus(status);
  if (!reason.empty()) throw std::runtime_error(reason);
}

}  // namespace cytobench
