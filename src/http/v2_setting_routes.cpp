#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "http/json_body.h"
#include "http/routes.h"
#include "http/v2_operation.h"
#include "protocol/json_writer.h"
#include "serve/settings.h"

namespace saccade::http {
namespace {

std::string text_of(const boost::json::string& text) {
  return {text.data(), text.size()};
}

// ---- logging

void show_log_settings(const Call& call) {
  std::string body = "{";
  for (const auto& [name, value] : serve::log_settings()) {
    if (body.size() > 1) body += ',';
    protocol::append_string(body, name);
    body += ':';
    if (const auto* flag = std::get_if<bool>(&value)) {
      body += *flag ? "true" : "false";
    } else if (const auto* number = std::get_if<std::uint64_t>(&value)) {
      protocol::append_number(body, *number);
    } else {
      protocol::append_string(body, std::get<std::string>(value));
    }
  }
  call.respond_plain_json(body + "}");
}

base::Result<serve::LogSetting> log_setting(std::string_view name, const boost::json::value& value) {
  if (value.is_bool()) return value.get_bool();
  if (value.is_string()) return text_of(value.get_string());
  if (value.is_uint64()) return value.get_uint64();
  if (value.is_int64() && value.get_int64() >= 0) return static_cast<std::uint64_t>(value.get_int64());
  return base::invalid_argument("log setting \"" + std::string(name.substr(0, 100)) + "\" can't be " +
                                std::string(kind_of(value)));
}

void change_log_settings(const Call& call, std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return call.fail(object.error());
  std::map<std::string, serve::LogSetting> changes;
  for (const auto& member : *object) {
    const std::string name(member.key().data(), member.key().size());
    auto setting = log_setting(name, member.value());
    if (!setting) return call.fail(setting.error());
    changes.insert_or_assign(name, *std::move(setting));
  }
  if (const base::Status changed = serve::change_log_settings(changes); !changed) {
    return call.fail(changed.error());
  }
  show_log_settings(call);
}

// ---- traces

void show_trace_settings(serve::Service& service, const Call& call, std::string_view model) {
  std::string body = "{";
  for (const auto& [name, values] : serve::trace_settings(service.tracer(), model)) {
    if (body.size() > 1) body += ',';
    protocol::append_string(body, name);
    body += ':';
    const bool list = name == "trace_level";
    if (list) body += '[';
    for (const std::string& value : values) {
      if (&value != &values.front()) body += ',';
      protocol::append_string(body, value);
    }
    if (list) body += ']';
  }
  call.respond_plain_json(body + "}");
}

base::Error not_text(std::string_view name, const boost::json::value& value) {
  return {base::Code::kInvalidArgument, "trace setting \"" + std::string(name.substr(0, 100)) +
                                            "\" must be a string, a list of strings, or null, not " +
                                            std::string(kind_of(value))};
}

// "7", 7, ["7"], or null for none.
base::Result<std::vector<std::string>> trace_values(std::string_view name, const boost::json::value& value) {
  if (value.is_null()) return std::vector<std::string>();
  if (value.is_string()) return std::vector{text_of(value.get_string())};
  if (value.is_int64()) return std::vector{std::to_string(value.get_int64())};
  if (value.is_uint64()) return std::vector{std::to_string(value.get_uint64())};
  if (!value.is_array()) return std::unexpected(not_text(name, value));
  std::vector<std::string> values;
  for (const auto& item : value.get_array()) {
    if (!item.is_string()) return std::unexpected(not_text(name, item));
    values.push_back(text_of(item.get_string()));
  }
  return values;
}

bool is_known(serve::Service& service, const Call& call, std::string_view model) {
  const auto found = service.catalog().find(model, "");
  if (!found) call.fail(found.error());
  return found.has_value();
}

void change_trace_settings(serve::Service& service, const Call& call, std::string_view model,
                           std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return call.fail(object.error());
  serve::TraceSettingValues changes;
  for (const auto& member : *object) {
    const std::string name(member.key().data(), member.key().size());
    auto values = trace_values(name, member.value());
    if (!values) return call.fail(values.error());
    changes.insert_or_assign(name, *std::move(values));
  }
  const base::Status changed = serve::change_trace_settings(service.tracer(), model, changes);
  if (!changed) return call.fail(changed.error());
  show_trace_settings(service, call, model);
}

}  // namespace

void add_v2_setting_routes(Router& router, serve::Service& service) {
  router.add(
      "GET", "/v2/logging", v2_operation("v2 settings", "What the server's own log shows.", "V2Settings"),
      [](const Call& call, const net::HttpRequest&, const PathParameters&) { show_log_settings(call); });
  router.add("POST", "/v2/logging",
             needing(Right::kAdmin, v2_operation("v2 settings", "Changes what the server's own log shows.",
                                                 "V2Settings", {}, "V2Settings")),
             [](const Call& call, const net::HttpRequest& request, const PathParameters&) {
               change_log_settings(call, request.body);
             });
  router.add("GET", "/v2/trace/setting",
             v2_operation("v2 settings", "Which requests are traced.", "V2Settings"),
             [&service](const Call& call, const net::HttpRequest&, const PathParameters&) {
               show_trace_settings(service, call, "");
             });
  router.add("POST", "/v2/trace/setting",
             needing(Right::kAdmin, v2_operation("v2 settings", "Changes which requests are traced.",
                                                 "V2Settings", {503}, "V2Settings")),
             [&service](const Call& call, const net::HttpRequest& request, const PathParameters&) {
               change_trace_settings(service, call, "", request.body);
             });
  router.add("GET", "/v2/models/{model}/trace/setting",
             v2_operation("v2 settings", "Which requests of a model are traced.", "V2Settings", {404, 503}),
             [&service](const Call& call, const net::HttpRequest&, const PathParameters& parameters) {
               if (is_known(service, call, parameters[0])) show_trace_settings(service, call, parameters[0]);
             });
  router.add(
      "POST", "/v2/models/{model}/trace/setting",
      needing(Right::kAdmin, v2_operation("v2 settings", "Changes which requests of a model are traced.",
                                          "V2Settings", {404, 503}, "V2Settings")),
      [&service](const Call& call, const net::HttpRequest& request, const PathParameters& parameters) {
        if (!is_known(service, call, parameters[0])) return;
        change_trace_settings(service, call, parameters[0], request.body);
      });
}

}  // namespace saccade::http
