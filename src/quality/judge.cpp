#include "quality/judge.h"

#include <string>

#include <boost/json.hpp>

namespace saccade::quality {
namespace {

namespace json = boost::json;

std::string text_of(const json::value& value) {
  return value.is_string() ? std::string(value.get_string()) : json::serialize(value);
}

// Label "7", truth 7: the same. A number is otherwise the class's place, unless the labels are numbers
// themselves.
bool right(const json::object& prediction, const json::value& truth) {
  const json::value* label = prediction.if_contains("prediction");
  if (label != nullptr && text_of(*label) == text_of(truth)) return true;
  if (!truth.is_number() || (label != nullptr && label->is_number())) return false;
  const json::value* place = prediction.if_contains("class");
  if (place == nullptr || !place->is_number()) return false;
  return place->to_number<double>() == truth.to_number<double>();
}

bool of_a_class(const json::object& prediction) {
  const json::value* confidence = prediction.if_contains("confidence");
  return prediction.contains("prediction") && confidence != nullptr && confidence->is_number();
}

Judged judged(const json::object& prediction, const json::value& truth, double weight) {
  return {.right = right(prediction, truth),
          .confidence = prediction.at("confidence").to_number<double>(),
          .weight = weight};
}

base::Result<std::vector<Judged>> judge_values(const json::value& result, const json::value& truth,
                                               double weight) {
  std::vector<Judged> all;
  const json::object* object = result.if_object();
  if (object == nullptr) return all;
  if (of_a_class(*object)) {
    if (truth.is_array() || truth.is_object()) {
      return base::invalid_argument(
          "\"truth\": the prediction is one class; right would be its label or number");
    }
    all.push_back(judged(*object, truth, weight));
    return all;
  }
  const json::value* list = object->if_contains("predictions");
  if (list == nullptr || !list->is_array()) return all;
  const json::array& predictions = list->get_array();
  for (const json::value& prediction : predictions) {
    if (!prediction.is_object() || !of_a_class(prediction.get_object())) return std::vector<Judged>();
  }
  if (!truth.is_array() || truth.get_array().size() != predictions.size()) {
    return base::invalid_argument("\"truth\": the prediction is a batch; right would be a list of " +
                                  std::to_string(predictions.size()) + " labels or numbers");
  }
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    all.push_back(judged(predictions[i].get_object(), truth.get_array()[i], weight));
  }
  return all;
}

}  // namespace

base::Result<std::vector<Judged>> judge(std::string_view result, std::string_view truth, double weight) {
  try {
    return judge_values(json::parse(json::string_view(result.data(), result.size())),
                        json::parse(json::string_view(truth.data(), truth.size())), weight);
  } catch (const std::exception& exception) {
    return base::invalid_argument(std::string("the feedback can't be judged: ") + exception.what());
  }
}

}  // namespace saccade::quality
