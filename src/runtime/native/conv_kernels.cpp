// CytobenchConv: activation(convolution(x, w * scale) + shift). CytobenchConvGrad: its gradients.
// Where products are in bfloat16, x and the result may be packed: what a product would round is kept rounded.
#include "conv_kernels.h"

#include <cmath>
#include <cstring>

#include "arena.h"
#include "convolution.h"
#include "depthwise.h"
#include "kernel.h"
#include "loops.h"

namespace cytobench {

using dnnl::memory;

namespace {

Arena sourceArena, gradientArena, weightsArena, packedArena, scaleArena, shiftArena;

memory wrap(const memory::desc& description, const void* data) {
  return memory(description, engine(), const_cast<void*>(data));
}

/** x as the primitive wants it: itself, or a bfloat16 copy. */
const void* converted(const Geometry& g, const Tensor& x, Arena& arena) {
  if (x.packed() && !g.bfloat16) throw std::runtime_error("packed values go with products in bfloat16");
  if (x.packed() || !g.bfloat16) return x.data();
  uint16_t* copy = arena.get<uint16_t>(x.size());
  toBfloat16(x.data(), copy, x.size());
  return copy;
}

class ConvBase {
 public:
  explicit ConvBase(Attributes& attributes)
      : stride_(attributes.integer("stride")),
        symmetric_(attributes.integer("symmetric")),
        depthwise_(attributes.integer("depthwise")),
        activation_(attributes.integer("activation")),
        bfloat16_(attributes.integer("reduced")),
        epsilon_(attributes.real("epsilon")) {}

 protected:
  Geometry geometry(const Tensor& x, const Tensor& w) const {
    Geometry g{};
    g.n = x.dim(0), g.h = x.dim(1), g.w = x.dim(2), g.inputs = x.channels();
    g.kernelH = w.dim(0), g.kernelW = w.dim(1), g.outputs = depthwise_ ? w.dim(2) : w.dim(3);
    g.stride = stride_, g.depthwise = depthwise_, g.activation = activation_, g.bfloat16 = bfloat16_;
    place(g.h, g.kernelH, g.outH, g.top);
    place(g.w, g.kernelW, g.outW, g.left);
    if (w.dim(2) != g.inputs) throw std::runtime_error("the filter's channels are not those of the input");
    return g;
  }

  /** The scale of a frozen norm and the shift that goes with it, or no scale and the bias. */
  void fold(Call& call, int first, int64_t channels, const float*& scale, const float*& shift) const {
    const int count = call.inputs() - first;
    scale = shift = nullptr;
    if (count == 1) {
      const Tensor bias = call.input(first);
      float* copy = shiftArena.get<float>(channels);
      std::memcpy(copy, bias.data(), channels * sizeof(float));
      shift = copy;
    }
    if (count != 4) return;
    const Tensor gamma = call.input(first), beta = call.input(first + 1), mean = call.input(first + 2),
                 variance = call.input(first + 3);
    float* scales = scaleArena.get<float>(channels);
    float* shifts = shiftArena.get<float>(channels);
    for (int64_t c = 0; c < channels; c++) {
      scales[c] = gamma.data()[c] / std::sqrt(variance.data()[c] + epsilon_);
      shifts[c] = beta.data()[c] - mean.data()[c] * scales[c];
    }
    scale = scales, shift = shifts;
  }

  /** The filter, scaled, in the primitive's own layout and precision. */
  static const void* packed(const Geometry& g, const Tensor& w, const float* scale, const memory::desc& target,
                            const dnnl::reorder& pack) {
    const float* values = w.data();
    if (scale) {
      float* scaled = weightsArena.get<float>(w.size());
      scaleColumns(values, scale, scaled, w.size() / g.outputs, g.outputs);
      values = scaled;
    }
    void* out = packedArena.get<char>(target.get_size());
    memory from = wrap(plainWeights(g), values), to = wrap(target, out);
    dnnl::reorder(pack).execute(stream(), from, to);
    return out;
  }

 private:
  void place(int64_t in, int64_t kernel, int64_t& out, int64_t& before) const {
    if (symmetric_) {
      before = (kernel - 1) / 2;
      out = (in + 2 * before - kernel) / stride_ + 1;
    } else {
      out = (in + stride_ - 1) / stride_;
      before = std::max<int64_t>((out - 1) * stride_ + kernel - in, 0) / 2;
    }
  }
  const int stride_, symmetric_, depthwise_, activation_, bfloat16_;
  const float epsilon_;
};

class ConvKernel : ConvBase {
 public:
  explicit ConvKernel(Attributes& attributes) : ConvBase(attributes), packed_(attributes.packed("Y")) {}
  void compute(Call& call) {
    const Tensor x = call.input(0), w = call.input(1);
    Geometry g = geometry(x, w);
    g.packed = packed_;
    const Tensor y = call.output(0, {g.n, g.outH, g.outW, g.outputs}, packed_);
    if (!y.size()) return;
    const float *scale, *shift;
    fold(call, 2, g.outputs, scale, shift);
    if (!shift) {
      float* none = shiftArena.get<float>(g.outputs);
      std::memset(none, 0, g.outputs * sizeof(float));
      shift = none;
    }
    Forward& p = forward(g);
    const auto& d = p.description;
    p.run.execute(stream(),
                  {{DNNL_ARG_SRC, wrap(d.src_desc(), converted(g, x, sourceArena))},
                   {DNNL_ARG_WEIGHTS, wrap(d.weights_desc(), packed(g, w, scale, d.weights_desc(), p.packWeights))},
                   {DNNL_ARG_BIAS, wrap(d.bias_desc(), shift)},
                   {DNNL_ARG_DST, wrap(d.dst_desc(), y.data())}});
    stream().wait();
  }

 private:
  const bool packed_;
};

class ConvGradKernel : ConvBase {
 public:
  explicit ConvGradKernel(Attributes& attributes)
      : ConvBase(attributes), needs_(attributes.integer("needs")) {}
  void compute(Call& call) {
    const Tensor dy = call.input(0), y = call.input(1), x = call.input(2), w = call.input(3);
    const Geometry g = geometry(x, w);
    const bool toInput = needs_ & 1;
    const Tensor dx = call.output(0, toInput ? std::vector<int64_t>{g.n, g.h, g.w, g.inputs} : std::vector<int64_t>{0});
    const Tensor dw = call.output(1, {w.dim(0), w.dim(1), w.dim(2), w.dim(3)});
    const Tensor db = call.output(2, {needs_ & 2 ? g.outputs : 0});
    if (!dy.size()) return clear(dx), clear(dw), clear(db);
    const float *scale, *shift;
    fold(call, 4, g.outputs, scale, shift);
    // Through the activation, into the precision of the products, summed for the bias: one pass.
    const int64_t rows = dy.size() / g.outputs;
    const void* gradient = dy.data();
    if (g.activation != kNone || g.bfloat16 || (needs_ & 2)) {
      void* out = nullptr;
      if (g.bfloat16)
        out = gradientArena.get<uint16_t>(dy.size());
      else if (g.activation != kNone)
        out = gradientArena.get<float>(dy.size());
      throughActivation(dy.data(), {y.data(), y.packed()}, g.activation, rows, g.outputs, g.bfloat16, out,
                        needs_ & 2 ? db.data() : nullptr);
      if (out) gradient = out;
    }
    if (takesDepthwise(g))
      depthwiseWeightsGradient(g, x.data(), static_cast<const float*>(gradient), dw.data());
    else
      toWeights(g, x, gradient, dw);
    if (scale) scaleColumns(dw.data(), scale, dw.data(), dw.size() / g.outputs, g.outputs);
    if (!toInput) return;
    DataGradient& data = dataGradient(g);
    const auto& dd = data.description;
    data.run.execute(
        stream(), {{DNNL_ARG_DIFF_DST, wrap(dd.diff_dst_desc(), gradient)},
                   {DNNL_ARG_WEIGHTS, wrap(dd.weights_desc(), packed(g, w, scale, dd.weights_desc(), data.packWeights))},
                   {DNNL_ARG_DIFF_SRC, wrap(dd.diff_src_desc(), dx.data())}});
    stream().wait();
  }

 private:
  static void toWeights(const Geometry& g, const Tensor& x, const void* gradient, const Tensor& dw) {
    WeightsGradient& weights = weightsGradient(g);
    const auto& wd = weights.description;
    void* raw = packedArena.get<char>(wd.diff_weights_desc().get_size());
    weights.run.execute(stream(),
                        {{DNNL_ARG_SRC, wrap(wd.src_desc(), converted(g, x, sourceArena))},
                         {DNNL_ARG_DIFF_DST, wrap(wd.diff_dst_desc(), gradient)},
                         {DNNL_ARG_DIFF_WEIGHTS, wrap(wd.diff_weights_desc(), raw)}});
    memory from = wrap(wd.diff_weights_desc(), raw), to = wrap(plainWeights(g), dw.data());
    weights.unpackWeights.execute(stream(), from, to);
    stream().wait();
  }

  static void clear(const Tensor& tensor) {
    if (tensor.size()) std::memset(tensor.data(), 0, tensor.size() * sizeof(float));
  }
  /** Bit 0: the gradient of the input. Bit 1: that of the bias. */
  const int needs_;
};

}  // namespace

void registerConvKernels() {
  const std::vector<const char*> attributes = {
      "stride: int",    "symmetric: int", "depthwise: int",   "activation: int",  "reduced: int",
      "epsilon: float", "M: int >= 0",    "X: {float, int32}", "Y: {float, int32}"};
  registerKernel<ConvKernel>({"CytobenchConv", attributes, {"x: X", "w: float", "shift: M * float"}, {"y: Y"}});
  std::vector<const char*> gradient = attributes;
  gradient.push_back("needs: int");
  registerKernel<ConvGradKernel>({"CytobenchConvGrad",
                                  gradient,
                                  {"dy: float", "y: Y", "x: X", "w: float", "shift: M * float"},
                                  {"dx: float", "dw: float", "db: float"}});
}

}  // namespace cytobench
