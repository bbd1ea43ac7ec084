#include "protocol/predict_response.h"

#include <algorithm>

#include "protocol/json_writer.h"

namespace saccade::protocol {
namespace {

using tensor::DataType;

double probability(const tensor::TensorView& view, std::size_t index) {
  return view.type == DataType::kFp64 ? view.as<double>()[index]
                                      : static_cast<double>(view.as<float>()[index]);
}

void append_probability(std::string& out, const tensor::TensorView& view, std::size_t index) {
  if (view.type == DataType::kFp64) {
    append_number(out, view.as<double>()[index]);
  } else {
    append_number(out, view.as<float>()[index]);
  }
}

class ClassifierWriter {
 public:
  ClassifierWriter(std::string& out, const request::InferenceResponse& response,
                   const request::ModelSignature& model, bool probabilities)
      : out_(out),
        view_(response.outputs[static_cast<std::size_t>(model.probabilities)]),
        label_(model.predicted_label < 0
                   ? nullptr
                   : &response.outputs[static_cast<std::size_t>(model.predicted_label)]),
        names_(model.outputs[static_cast<std::size_t>(model.probabilities)].labels),
        classes_(static_cast<std::size_t>(view_.shape[view_.shape.rank() - 1])),
        probabilities_(probabilities) {}

  std::size_t rows() const {
    return classes_ == 0 ? 0 : static_cast<std::size_t>(view_.shape.elements().value_or(0)) / classes_;
  }

  void append(std::size_t row) {
    const std::size_t first = row * classes_;
    std::size_t best = 0;
    for (std::size_t i = 1; i < classes_; ++i) {
      if (probability(view_, first + i) > probability(view_, first + best)) best = i;
    }
    out_ += "\"prediction\":";
    if (label_ != nullptr && static_cast<std::int64_t>(row) < label_->shape.elements().value_or(0)) {
      append_element(out_, *label_, row);
    } else {
      append_name(best);
    }
    out_ += ",\"class\":";
    append_number(out_, static_cast<std::uint64_t>(best));
    out_ += ",\"confidence\":";
    append_probability(out_, view_, first + best);
    if (!probabilities_) return;
    out_ += ",\"probabilities\":{";
    for (std::size_t i = 0; i < classes_; ++i) {
      if (i > 0) out_ += ',';
      append_name(i);
      out_ += ':';
      append_probability(out_, view_, first + i);
    }
    out_ += '}';
  }

 private:
  void append_name(std::size_t index) {
    append_string(out_, index < names_.size() ? names_[index] : std::to_string(index));
  }

  std::string& out_;
  const tensor::TensorView& view_;
  const tensor::TensorView* label_;
  const std::vector<std::string>& names_;
  const std::size_t classes_;
  const bool probabilities_;
};

void append_outputs(std::string& out, const request::InferenceResponse& response,
                    const request::ModelSignature& model, bool single) {
  out += "\"outputs\":{";
  for (std::size_t i = 0; i < response.outputs.size(); ++i) {
    if (i > 0) out += ',';
    append_string(out, model.outputs[i].name);
    out += ':';
    tensor::TensorView view = response.outputs[i];
    if (single && model.batches() && view.shape.rank() > 0 && view.shape[0] == 1) {
      view.shape = view.shape.without_first();
    }
    append_tensor(out, view);
  }
  out += '}';
}

}  // namespace

void append_result(std::string& out, const request::InferenceResponse& response,
                   const request::ModelSignature& model, const ResultOptions& options) {
  if (!model.classifies()) return append_outputs(out, response, model, options.single);
  ClassifierWriter writer(out, response, model, options.probabilities);
  if (options.single && writer.rows() == 1) return writer.append(0);
  out += "\"predictions\":[";
  for (std::size_t row = 0; row < writer.rows(); ++row) {
    out += row > 0 ? ",{" : "{";
    writer.append(row);
    out += '}';
  }
  out += ']';
}

void append_timestamp(std::string& out, std::int64_t unix_micros) {
  append_number(out, unix_micros / 1'000'000);
  char fraction[] = ".000000";
  std::int64_t rest = unix_micros % 1'000'000;
  for (int digit = 6; digit >= 1; --digit, rest /= 10) fraction[digit] = static_cast<char>('0' + rest % 10);
  out.append(fraction, 7);
}

std::string wrap_result(std::string_view result, const request::ModelSignature& model,
                        const Envelope& envelope) {
  std::string out;
  out.reserve(result.size() + model.name.size() + 160 + envelope.client_id.size());
  out += '{';
  out += result;
  out += ",\"model\":";
  append_string(out, model.name);
  out += ",\"version\":";
  append_string(out, model.version);
  if (envelope.request_id != base::Uuid{}) {
    out += ",\"request_id\":\"";
    char id[base::kUuidTextLength];
    envelope.request_id.write(id);
    out.append(id, sizeof id);
    out += "\",\"timestamp\":";
    append_timestamp(out, envelope.unix_micros);
  }
  if (!envelope.client_id.empty()) {
    out += ",\"id\":";
    out += envelope.client_id;
  }
  out += '}';
  return out;
}

}  // namespace saccade::protocol
