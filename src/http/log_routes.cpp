#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include <boost/json.hpp>

#include "base/clock.h"
#include "http/json_body.h"
#include "http/routes.h"
#include "protocol/json_writer.h"
#include "protocol/predict_response.h"

namespace saccade::http {
namespace {

constexpr std::size_t kLargestFeedback = 64 << 10;

void append_feedback(std::string& out, const record::Feedback& feedback) {
  out += ",\"feedback\":{\"timestamp\":";
  protocol::append_timestamp(out, feedback.unix_micros);
  out += ",\"truth\":" + feedback.truth + ",\"weight\":";
  protocol::append_number(out, feedback.weight);
  if (!feedback.comment.empty()) {
    out += ",\"comment\":";
    protocol::append_string(out, feedback.comment);
  }
  out += '}';
}

void append_row(std::string& out, const record::StoredPrediction& row) {
  out += "{\"request_id\":\"" + row.id.text() + "\",\"timestamp\":";
  protocol::append_timestamp(out, row.unix_micros);
  out += ",\"model\":";
  protocol::append_string(out, row.model);
  out += ",\"version\":";
  protocol::append_string(out, row.version);
  if (!row.client_id.empty()) out += ",\"id\":" + row.client_id;
  out += ",\"latency_ms\":";
  protocol::append_number(out, static_cast<double>(row.latency_micros) / 1000.0);
  out += ",\"result\":" + row.result;
  if (!row.input.empty()) out += ",\"input\":" + row.input;
  if (row.feedback) append_feedback(out, *row.feedback);
  out += '}';
}

base::Result<base::Uuid> read_id(std::string_view text) {
  if (const auto id = base::Uuid::parse(text)) return *id;
  return base::invalid_argument("\"" + std::string(text.substr(0, 100)) +
                                "\" is no request_id, which looks like 01936f0e-…");
}

void find(serve::Service& service, const Call& call, std::string_view text) {
  const auto id = read_id(text);
  if (!id) return call.fail(id.error());
  service.find_prediction(*id, call.loop(), [call, text = id->text()](auto found) {
    if (!found) return call.fail(found.error());
    // What a caller may not see is not there for it.
    if (!*found || (call.caller() && !call.caller()->may_use((*found)->model))) {
      return call.fail({base::Code::kNotFound, "there is no prediction " + text +
                                                   " in the log (it may not be there yet, or not any more)"});
    }
    std::string body;
    append_row(body, **found);
    call.respond_json(std::move(body));
  });
}

void list(serve::Service& service, const Call& call, std::string_view query) {
  record::Query wanted;
  wanted.model = query_value(query, "model").value_or("");
  const bool limited = call.caller() && call.caller()->identity && call.caller()->identity->models;
  if (limited && wanted.model.empty()) {
    return call.fail(
        {base::Code::kPermissionDenied, "the caller's rights are for certain models: name one, ?model=NAME"});
  }
  if (!call.may_use(wanted.model)) return;
  const auto since = query_time(query, "since", 0);
  if (!since) return call.fail(since.error());
  wanted.since_micros = *since;
  const auto limit = query_number(query, "limit", 100, 1, 1000);
  if (!limit) return call.fail(limit.error());
  wanted.limit = *limit;
  service.list_predictions(wanted, call.loop(), [call](auto listed) {
    if (!listed) return call.fail(listed.error());
    std::string body = "{\"predictions\":[";
    for (const auto& row : *listed) {
      if (&row != &listed->front()) body += ',';
      append_row(body, row);
    }
    call.respond_json(body + "]}");
  });
}

// ---- feedback

bool is_scalar(const boost::json::value& value) {
  return value.is_string() || value.is_number() || value.is_bool();
}

base::Result<std::string> read_truth(const boost::json::object& object) {
  const boost::json::value* truth = object.if_contains("truth");
  if (truth == nullptr) {
    return base::invalid_argument(
        "\"truth\" is missing; right would be the class's label or number, or a list of them");
  }
  const bool list = truth->is_array() && std::ranges::all_of(truth->get_array(), is_scalar);
  if (!is_scalar(*truth) && !list) {
    return base::invalid_argument(
        "\"truth\" must be a string, a number, a truth value or a list of these, not " +
        std::string(kind_of(*truth)) + (truth->is_array() ? " of other things" : ""));
  }
  return boost::json::serialize(*truth);
}

base::Result<record::Feedback> read_feedback(std::string_view body) {
  if (body.size() > kLargestFeedback) {
    return base::fail(base::Code::kTooLarge, "feedback of " + std::to_string(body.size()) +
                                                 " bytes; the most is " + std::to_string(kLargestFeedback));
  }
  const auto object = parse_object(body);
  if (!object) return std::unexpected(object.error());
  for (const auto& member : *object) {
    if (member.key() == "truth" || member.key() == "weight" || member.key() == "comment") continue;
    return base::invalid_argument("feedback has no member \"" + std::string(member.key()) +
                                  "\"; it has \"truth\", \"weight\" and \"comment\"");
  }
  record::Feedback feedback{.unix_micros = base::unix_micros()};
  auto truth = read_truth(*object);
  if (!truth) return std::unexpected(truth.error());
  feedback.truth = std::move(*truth);
  if (const boost::json::value* weight = object->if_contains("weight")) {
    if (weight->is_number()) feedback.weight = weight->to_number<double>();
    if (!weight->is_number() || !(feedback.weight > 0) || feedback.weight > 1e6) {
      return base::invalid_argument("\"weight\" must be a number above 0 and at most 1000000, not " +
                                    boost::json::serialize(*weight).substr(0, 100));
    }
  }
  auto comment = text_member(*object, "comment");
  if (!comment) return std::unexpected(comment.error());
  feedback.comment = std::move(*comment).value_or("");
  // A database keeps no NUL in a text.
  if (feedback.comment.find('\0') != std::string::npos ||
      feedback.truth.find("\\u0000") != std::string::npos) {
    return base::invalid_argument("feedback must not hold the character U+0000");
  }
  return feedback;
}

void give_feedback(serve::Service& service, const Call& call, std::string_view text, std::string_view body) {
  const auto id = read_id(text);
  if (!id) return call.fail(id.error());
  auto feedback = read_feedback(body);
  if (!feedback) return call.fail(feedback.error());
  feedback->id = *id;
  if (call.caller() && call.caller()->identity && call.caller()->identity->models) {
    feedback->by = call.caller()->identity;
  }
  service.add_feedback(std::move(*feedback), call.loop(), [call, id = id->text()](const base::Status& kept) {
    if (!kept) return call.fail(kept.error());
    call.respond_json("{\"request_id\":\"" + id + "\",\"status\":\"stored\"}");
  });
}

}  // namespace

void add_log_routes(Router& router, serve::Service& service) {
  router.add(
      "GET", "/predictions",
      {.id = "listPredictions",
       .tag = "log",
       .right = Right::kRead,
       .summary = "The newest logged predictions.",
       .parameters = {in_query("model", "Only this model's."),
                      in_query("since", "At or after: seconds since 1970, or as in 2026-11-24T05:23:45Z."),
                      in_query("limit", "How many at most.",
                               R"({"type":"integer","minimum":1,"maximum":1000,"default":100})")},
       .answers = {json_answer(200, "The newest first.", "LoggedPredictions")},
       .errors = {404, 500, 503}},
      [&service](const Call& call, const net::HttpRequest& request, const PathParameters&) {
        list(service, call, request.query);
      });
  router.add("GET", "/predictions/{id}",
             {.id = "findPrediction",
              .tag = "log",
              .right = Right::kRead,
              .summary = "One logged prediction.",
              .parameters = {{"path", "id", "The request_id of the answer.",
                              R"({"type":"string","format":"uuid"})"}},
              .answers = {json_answer(200, "The prediction.", "LoggedPrediction")},
              .errors = {404, 500, 503}},
             [&service](const Call& call, const net::HttpRequest&, const PathParameters& parameters) {
               find(service, call, parameters[0]);
             });
  router.add("POST", "/predictions/{id}/feedback",
             {.id = "giveFeedback",
              .tag = "log",
              .right = Right::kPredict,
              .summary = "What became known of a prediction: its true class.",
              .description =
                  "Takes the place of earlier feedback on the same prediction. Answered once it is stored.",
              .parameters = {{"path", "id", "The request_id of the answer.",
                              R"({"type":"string","format":"uuid"})"}},
              .body = {json("Feedback", R"({"truth": "positive"})")},
              .answers = {json_answer(200, "It is stored.", "FeedbackStored")},
              .errors = {404, 413, 500, 503}},
             [&service](const Call& call, const net::HttpRequest& request, const PathParameters& parameters) {
               give_feedback(service, call, parameters[0], request.body);
             });
}

}  // namespace saccade::http
