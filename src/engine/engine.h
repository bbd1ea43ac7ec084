// What runs a model. An Engine opens model files; each Session is one loaded copy that one thread at a time
// runs.
//
// Only the rooms below this one (engine/onnxruntime, …) see an inference library.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "request/inference_request.h"
#include "request/model_signature.h"
#include "tensor/tensor.h"

namespace saccade::engine {

// What the model file itself says.
struct ModelFacts {
  std::vector<request::TensorSpec> inputs;
  std::vector<request::TensorSpec> outputs;
  std::map<std::string, std::string> metadata;  // the file's own key/value pairs
  std::vector<std::string> warnings;            // outputs that can't be served, and why
};

struct RunOutputs final : request::OutputOwner {
  std::vector<tensor::TensorView> views;        // in the order of ModelFacts::outputs
  std::vector<std::vector<std::string>> texts;  // behind the views of BYTES outputs
  std::shared_ptr<void> memory;                 // behind all others: the library's own
};

class Session {
 public:
  virtual ~Session() = default;
  virtual const ModelFacts& facts() const = 0;
  // Inputs in the order of facts().inputs, their types and shapes already checked. Not safe from two threads
  // at once. Errors: kInvalidArgument where the model refuses the values or shapes, kInternal where it
  // failed.
  virtual base::Result<std::shared_ptr<RunOutputs>> run(std::span<const tensor::TensorView> inputs) = 0;
  // Whether a run uses no other thread than its caller's.
  virtual bool runs_on_caller() const { return false; }
  // One more session of the same loaded model, which may run beside this one on another thread and shares the
  // weights with it. Cheap. Null where the engine can't share: then the file has to be opened again.
  virtual std::unique_ptr<Session> share() { return nullptr; }
};

// How far a session changes the model's graph to make it faster.
enum class GraphOptimization : std::uint8_t { kNone, kBasic, kExtended, kAll };

// What a session computes on.
enum class Device : std::uint8_t { kCpu, kCuda, kTensorRt };

struct SessionOptions {
  Device device = Device::kCpu;
  int device_id = 0;        // which of several, for others than the CPU
  int threads = 1;          // inside one operator; instances × threads should not exceed the cores; 0: all
  int threads_between = 1;  // for operators beside each other, where `parallel`; 0: all
  bool parallel = false;    // operators that don't need each other run at the same time
  int nice = 0;             // by how much the session's own threads give way to others; where the engine can
  GraphOptimization optimization = GraphOptimization::kAll;
};

class Engine {
 public:
  virtual ~Engine() = default;
  virtual std::string name() const = 0;     // "onnxruntime"
  virtual std::string version() const = 0;  // "1.32.0"
  // Whether files of this name are read ("model.onnx").
  virtual bool reads(const std::filesystem::path& model) const = 0;
  // What the protocol calls such a model: "onnxruntime_onnx".
  virtual std::string platform(const std::filesystem::path& model) const = 0;
  virtual base::Result<std::unique_ptr<Session>> open(const std::filesystem::path& model,
                                                      const SessionOptions& options) = 0;
};

}  // namespace saccade::engine
