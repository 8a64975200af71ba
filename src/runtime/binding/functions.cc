// The binding of tfjs-node with two methods more, addFunction and removeFunction: a graph becomes a TensorFlow function,
// which executeOp then runs by its name, all of its ops in one call. The binding's own sources are included as they are.
#include <node_api.h>

#include <cstdlib>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "tensorflow/c/c_api.h"
#include "tensorflow/c/eager/c_api.h"

// Its context of ops is private.
#define private public
#include "tfjs_backend.h"
#undef private

// Its module is not registered: ours is, which adds to its exports.
#undef NAPI_MODULE
#define NAPI_MODULE(name, init)
#include "tfjs_binding.cc"
#undef NAPI_MODULE
#define NAPI_MODULE(name, init) \
  NAPI_MODULE_INIT() { return init(env, exports); }

namespace tfnodejs {

/** The strings of an array; an exception is pending where it is none. */
static std::vector<std::string> Strings(napi_env env, napi_value array) {
  std::vector<std::string> out;
  uint32_t length = 0;
  ENSURE_NAPI_OK_RETVAL(env, napi_get_array_length(env, array, &length), out);
  for (uint32_t i = 0; i < length; i++) {
    napi_value element;
    std::string text;
    ENSURE_NAPI_OK_RETVAL(env, napi_get_element(env, array, i, &element), out);
    ENSURE_NAPI_OK_RETVAL(env, GetStringParam(env, element, text), out);
    out.push_back(text);
  }
  return out;
}

/** Places in a graph, written as node:output. Empty, with an exception pending, where a node is not there. */
static std::vector<TF_Output> Places(napi_env env, TF_Graph *graph, const std::vector<std::string> &names) {
  std::vector<TF_Output> out;
  for (const std::string &name : names) {
    const size_t colon = name.rfind(':');
    TF_Operation *node = TF_GraphOperationByName(graph, name.substr(0, colon).c_str());
    if (!node) {
      NAPI_THROW_ERROR(env, "the graph of a function has no node %s", name.c_str());
      return {};
    }
    out.push_back({node, colon == std::string::npos ? 0 : std::atoi(name.c_str() + colon + 1)});
  }
  return out;
}

struct DeleteGraph {
  void operator()(TF_Graph *graph) const { TF_DeleteGraph(graph); }
};

/** addFunction(name, GraphDef as bytes, inputs, outputs): inputs are names of placeholders, outputs node:output. */
static napi_value AddFunction(napi_env env, napi_callback_info info) {
  size_t argc = 4;
  napi_value args[4];
  ENSURE_NAPI_OK_RETVAL(env, napi_get_cb_info(env, info, &argc, args, nullptr, nullptr), nullptr);
  TFJSBackend *backend = GetTFJSBackend(env);
  if (!backend) return nullptr;
  if (argc < 4) {
    NAPI_THROW_ERROR(env, "addFunction takes a name, a graph, inputs and outputs");
    return nullptr;
  }
  std::string name;
  ENSURE_NAPI_OK_RETVAL(env, GetStringParam(env, args[0], name), nullptr);
  void *bytes = nullptr;
  size_t length = 0;
  ENSURE_NAPI_OK_RETVAL(env, napi_get_typedarray_info(env, args[1], nullptr, &length, &bytes, nullptr, nullptr), nullptr);
  const std::vector<std::string> inputs = Strings(env, args[2]), outputs = Strings(env, args[3]);
  if (IsExceptionPending(env)) return nullptr;

  TF_AutoStatus status;
  std::unique_ptr<TF_Graph, DeleteGraph> graph(TF_NewGraph());
  TF_ImportGraphDefOptions *options = TF_NewImportGraphDefOptions();
  TF_Buffer *buffer = TF_NewBufferFromString(bytes, length);
  TF_GraphImportGraphDef(graph.get(), buffer, options, status.status);
  TF_DeleteBuffer(buffer);
  TF_DeleteImportGraphDefOptions(options);
  ENSURE_TF_OK_RETVAL(env, status, nullptr);
  const std::vector<TF_Output> in = Places(env, graph.get(), inputs), out = Places(env, graph.get(), outputs);
  if (IsExceptionPending(env)) return nullptr;
  TF_Function *function = TF_GraphToFunction(graph.get(), name.c_str(), 0, -1, nullptr, in.size(), in.data(), out.size(),
                                             out.data(), nullptr, nullptr, nullptr, status.status);
  ENSURE_TF_OK_RETVAL(env, status, nullptr);
  TFE_ContextAddFunction(backend->tfe_context_, function, status.status);
  TF_DeleteFunction(function);
  ENSURE_TF_OK_RETVAL(env, status, nullptr);
  return nullptr;
}

/** removeFunction(name) */
static napi_value RemoveFunction(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value args[1];
  ENSURE_NAPI_OK_RETVAL(env, napi_get_cb_info(env, info, &argc, args, nullptr, nullptr), nullptr);
  TFJSBackend *backend = GetTFJSBackend(env);
  if (!backend) return nullptr;
  std::string name;
  ENSURE_NAPI_OK_RETVAL(env, GetStringParam(env, args[0], name), nullptr);
  TF_AutoStatus status;
  TFE_ContextRemoveFunction(backend->tfe_context_, name.c_str(), status.status);
  ENSURE_TF_OK_RETVAL(env, status, nullptr);
  return nullptr;
}

static napi_value InitWithFunctions(napi_env env, napi_value exports) {
  exports = InitTFNodeJSBinding(env, exports);
  const napi_property_descriptor methods[] = {
      {"addFunction", nullptr, AddFunction, nullptr, nullptr, nullptr, napi_default, nullptr},
      {"removeFunction", nullptr, RemoveFunction, nullptr, nullptr, nullptr, napi_default, nullptr},
  };
  ENSURE_NAPI_OK_RETVAL(env, napi_define_properties(env, exports, 2, methods), exports);
  return exports;
}

}  // namespace tfnodejs

NAPI_MODULE(tfe_binding, tfnodejs::InitWithFunctions)
