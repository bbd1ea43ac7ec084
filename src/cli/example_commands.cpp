#include "cli/example_commands.h"

#include "model/probe.h"
#include "protocol/json_writer.h"

namespace saccade::cli {
namespace {

constexpr std::int64_t kMostElements = 16;  // that are pleasant to paste

// A body that the model takes; empty where none is short enough to be pasted.
std::string example_body(const request::ModelSignature& signature) {
  std::string body = "{";
  for (const auto& input : signature.inputs) {
    tensor::Shape item = signature.batches() ? input.shape.without_first() : input.shape;
    for (std::size_t axis = 0; axis < item.rank(); ++axis) {
      if (item[axis] < 0) item[axis] = 1;
    }
    if (item.elements().value_or(kMostElements + 1) > kMostElements) return {};
    if (body.size() > 1) body += ", ";
    protocol::append_string(body, input.name);
    body += ": ";
    if (input.type == tensor::DataType::kBytes) {
      body += item.rank() == 0 || item.elements() == 1 ? "\"What a wonderful film.\"" : "";
      if (body.back() != '"') return {};
    } else {
      protocol::append_tensor(body, model::make_sample(input.type, item, 1).view());
    }
  }
  return body + "}";
}

}  // namespace

std::vector<std::string> example_commands(const std::string& server, serve::Service& service) {
  std::vector<std::string> commands;
  for (const auto& model : service.catalog().all()) {
    const request::ModelSignature& signature = *model->signature();
    const std::string url = server + "/predict/" + signature.name;
    const std::string body = example_body(signature);
    if (!body.empty()) {
      commands.push_back("curl " + url + " -d '" + body + "'");
    } else if (signature.name == "digits") {
      commands.push_back("curl " + url + " -d @examples/digits/request.json");
    }
    if (commands.size() == 2) break;
  }
  commands.push_back("curl " + server + "/models");
  if (commands.size() < 3 && service.logs()) commands.push_back("curl '" + server + "/predictions?limit=3'");
  if (commands.size() < 3) commands.push_back("curl " + server + "/metrics");
  if (commands.size() < 3) commands.push_back("curl " + server + "/health/ready");
  return commands;
}

}  // namespace saccade::cli
