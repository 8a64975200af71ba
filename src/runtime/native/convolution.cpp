#include "convolution.h"

#include <map>
#include <stdexcept>

namespace cytobench {

using dnnl::memory;
using Type = memory::data_type;
using Tag = memory::format_tag;

namespace {

struct Shapes {
  memory::dims source, weights, target, strides, before, after;
};

Shapes shapes(const Geometry& g) {
  Shapes s;
  s.source = {g.n, g.inputs, g.h, g.w};
  s.target = {g.n, g.outputs, g.outH, g.outW};
  if (g.depthwise)
    s.weights = {g.outputs, 1, 1, g.kernelH, g.kernelW};
  else
    s.weights = {g.outputs, g.inputs, g.kernelH, g.kernelW};
  s.strides = {g.stride, g.stride};
  s.before = {g.top, g.left};
  s.after = {(g.outH - 1) * g.stride + g.kernelH - g.h - g.top, (g.outW - 1) * g.stride + g.kernelW - g.w - g.left};
  return s;
}

Type precision(const Geometry& g) { return g.bfloat16 ? Type::bf16 : Type::f32; }

dnnl::convolution_forward::primitive_desc describeForward(const Geometry& g) {
  const Shapes s = shapes(g);
  dnnl::post_ops post;
  if (g.activation == kRelu) post.append_eltwise(dnnl::algorithm::eltwise_relu, 0, 0);
  if (g.activation == kRelu6) post.append_eltwise(dnnl::algorithm::eltwise_clip, 0, 6);
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(post);
  return {engine(),
          dnnl::prop_kind::forward_training,
          dnnl::algorithm::convolution_direct,
          memory::desc(s.source, precision(g), Tag::nhwc),
          memory::desc(s.weights, precision(g), Tag::any),
          memory::desc({g.outputs}, Type::f32, Tag::a),
          memory::desc(s.target, g.packed ? Type::bf16 : Type::f32, Tag::nhwc),
          s.strides,
          {0, 0},
          s.before,
          s.after,
          attributes};
}

/** oneDNN's own message names neither the reason nor the remedy. */
dnnl::convolution_forward::primitive_desc describe(const Geometry& g) {
  try {
    return describeForward(g);
  } catch (const dnnl::error&) {
    throw std::runtime_error(g.bfloat16 ? "this processor has no bfloat16 convolution: set runtime.precision to float32"
                                        : "oneDNN has no convolution of this shape");
  }
}

/** One cache a kind; entries are few: a model has tens of geometries. */
template <class Entry, class Make>
Entry& cached(const Geometry& geometry, Make make) {
  static std::map<Geometry, Entry> entries;
  auto found = entries.find(geometry);
  if (found == entries.end()) {
    if (entries.size() >= 2048) entries.clear();
    found = entries.emplace(geometry, make()).first;
  }
  return found->second;
}

dnnl::reorder reorder(const memory::desc& from, const memory::desc& to) {
  return dnnl::reorder(dnnl::reorder::primitive_desc(engine(), from, engine(), to));
}

}  // namespace

dnnl::engine& engine() {
  static dnnl::engine instance(dnnl::engine::kind::cpu, 0);
  return instance;
}

dnnl::stream& stream() {
  static dnnl::stream instance(engine());
  return instance;
}

memory::desc plainWeights(const Geometry& g) {
  const Shapes s = shapes(g);
  if (g.depthwise) return {s.weights, Type::f32, memory::dims{1, 1, 1, g.kernelW * g.outputs, g.outputs}};
  return {s.weights, Type::f32, Tag::hwio};
}

Forward& forward(const Geometry& g) {
  return cached<Forward>(g, [&] {
    auto description = describe(g);
    return Forward{description, dnnl::convolution_forward(description),
                   reorder(plainWeights(g), description.weights_desc())};
  });
}

DataGradient& dataGradient(const Geometry& g) {
  return cached<DataGradient>(g, [&] {
    const Shapes s = shapes(g);
    dnnl::convolution_backward_data::primitive_desc description(
        engine(), dnnl::algorithm::convolution_direct, memory::desc(s.source, Type::f32, Tag::nhwc),
        memory::desc(s.weights, precision(g), Tag::any), memory::desc(s.target, precision(g), Tag::nhwc), s.strides,
        {0, 0}, s.before, s.after, describe(g));
    return DataGradient{description, dnnl::convolution_backward_data(description),
                        reorder(plainWeights(g), description.weights_desc())};
  });
}

WeightsGradient& weightsGradient(const Geometry& g) {
  return cached<WeightsGradient>(g, [&] {
    const Shapes s = shapes(g);
    dnnl::convolution_backward_weights::primitive_desc description(
        engine(), dnnl::algorithm::convolution_direct, memory::desc(s.source, precision(g), Tag::nhwc),
        memory::desc(s.weights, Type::f32, Tag::any), memory::desc(s.target, precision(g), Tag::nhwc), s.strides,
        {0, 0}, s.before, s.after, describe(g));
    return WeightsGradient{description, dnnl::convolution_backward_weights(description),
                           reorder(description.diff_weights_desc(), plainWeights(g))};
  });
}

}  // namespace cytobench
