#include "http/json_body.h"

#include <boost/json.hpp>

namespace saccade::http {
namespace {

base::Error wrong(std::string_view name, std::string_view wanted, const boost::json::value& got) {
  return {base::Code::kInvalidArgument, "\"" + std::string(name) + "\" must be " + std::string(wanted) +
                                            ", not " + std::string(kind_of(got))};
}

}  // namespace

std::string_view kind_of(const boost::json::value& value) {
  switch (value.kind()) {
    case boost::json::kind::null:
      return "null";
    case boost::json::kind::bool_:
      return "a truth value";
    case boost::json::kind::int64:
      return value.get_int64() < 0 ? "a negative number" : "a number";
    case boost::json::kind::uint64:
      return "a number";
    case boost::json::kind::double_:
      return "a number with a fraction or an exponent";
    case boost::json::kind::string:
      return "a string";
    case boost::json::kind::array:
      return "a list";
    case boost::json::kind::object:
      return "an object";
  }
  return "something else";
}

base::Result<boost::json::object> parse_object(std::string_view body) {
  if (body.find_first_not_of(" \t\r\n") == std::string_view::npos) return boost::json::object();
  boost::json::error_code error;
  boost::json::value value = boost::json::parse(boost::json::string_view(body), error);
  if (error) return base::invalid_argument("the body is no JSON: " + error.message());
  if (value.is_null()) return boost::json::object();
  if (!value.is_object()) {
    return base::invalid_argument("the body must be a JSON object, not " + std::string(kind_of(value)));
  }
  return std::move(value.get_object());
}

base::Result<std::optional<std::string>> text_member(const boost::json::object& object,
                                                     std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) return std::unexpected(wrong(name, "a string", *value));
  return std::string(value->get_string());
}

base::Result<std::optional<bool>> flag_member(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_bool()) return std::unexpected(wrong(name, "true or false", *value));
  return value->get_bool();
}

base::Result<std::optional<std::uint64_t>> count_member(const boost::json::object& object,
                                                        std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_uint64()) return value->get_uint64();
  if (value->is_int64() && value->get_int64() >= 0) return static_cast<std::uint64_t>(value->get_int64());
  return std::unexpected(wrong(name, "a whole number, 0 or above", *value));
}

base::Result<std::optional<boost::json::object>> object_member(const boost::json::object& object,
                                                               std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || value->is_null()) return std::nullopt;
  if (!value->is_object()) return std::unexpected(wrong(name, "an object", *value));
  return value->get_object();
}

}  // namespace saccade::http
