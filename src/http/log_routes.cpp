#include "http/routes.h"
#include "protocol/json_writer.h"
#include "protocol/predict_response.h"

namespace saccade::http {
namespace {

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
  out += '}';
}

void find(serve::Service& service, const Call& call, std::string_view text) {
  const auto id = base::Uuid::parse(text);
  if (!id) {
    return call.fail({base::Code::kInvalidArgument, "\"" + std::string(text.substr(0, 100)) +
                                                        "\" is no request_id, which looks like 01936f0e-…"});
  }
  service.find_prediction(*id, call.loop(), [call, text = id->text()](auto found) {
    if (!found) return call.fail(found.error());
    if (!*found) {
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

}  // namespace

void add_log_routes(Router& router, serve::Service& service) {
  router.add(
      "GET", "/predictions",
      {.id = "listPredictions",
       .tag = "log",
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
              .summary = "One logged prediction.",
              .parameters = {{"path", "id", "The request_id of the answer.",
                              R"({"type":"string","format":"uuid"})"}},
              .answers = {json_answer(200, "The prediction.", "LoggedPrediction")},
              .errors = {404, 500, 503}},
             [&service](const Call& call, const net::HttpRequest&, const PathParameters& parameters) {
               find(service, call, parameters[0]);
             });
}

}  // namespace saccade::http
