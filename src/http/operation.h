// What a route says about itself: the part of the routes' table that /openapi.json is made from.
//
//   router.add("GET", "/models/{model}",
//              {.id = "describeModel", .tag = "models", .right = Right::kRead, .summary = "One model.",
//               .parameters = {in_query("version", "the highest one otherwise", schema::kString)},
//               .answers = {json_answer(200, "The model.", "Model")}, .errors = {404}},
//              handler);
//
// A schema is written as the name of a component ("Model") or as JSON Schema itself
// ("{\"type\":\"string\"}"). Parameters of the path need not be named: they come from the template.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "access/right.h"

namespace saccade::http {

using access::Right;

namespace schema {
inline constexpr const char* kString = R"({"type":"string"})";
inline constexpr const char* kFlag = R"({"type":"boolean"})";
inline constexpr const char* kWhole = R"({"type":"integer"})";
inline constexpr const char* kText = R"({"type":"string"})";
inline constexpr const char* kBytes = R"({"type":"string","format":"binary"})";
}  // namespace schema

struct Parameter {
  std::string in;  // "query", "header" or "path"
  std::string name;
  std::string description;
  std::string schema = schema::kString;
  bool required = false;
};

struct Content {
  std::string type;     // "application/json"
  std::string schema;   // empty: said by no schema
  std::string example;  // as JSON; empty: none
};

struct Answer {
  int status = 200;
  std::string description;
  std::vector<Content> content = {};    // empty: no body
  std::vector<Parameter> headers = {};  // beyond those that every answer has
};

struct Operation {
  std::string id = {};  // unique, as generated clients name their functions; empty: made of method and path
  std::string tag;      // empty: the route is not documented
  // What its caller must be allowed. Said by every route; what is not said is taken to be the most.
  access::Right right = access::Right::kAdmin;
  std::string summary;
  std::string description = {};
  std::vector<Parameter> parameters = {};
  std::vector<Content> body = {};  // the forms in which it is taken; empty: a body is not looked at
  bool body_required = true;
  std::vector<Answer> answers = {};
  std::vector<int> errors =
      {};  // statuses of {"error": "…"}, besides those that bytes which are no request get
};

inline Parameter in_query(std::string name, std::string description, std::string of = schema::kString) {
  return {"query", std::move(name), std::move(description), std::move(of)};
}
inline Parameter in_header(std::string name, std::string description, std::string of = schema::kString) {
  return {"header", std::move(name), std::move(description), std::move(of)};
}
inline Content json(std::string of, std::string example = {}) {
  return {"application/json", std::move(of), std::move(example)};
}
inline Answer json_answer(int status, std::string description, std::string of) {
  return {.status = status, .description = std::move(description), .content = {json(std::move(of))}};
}

}  // namespace saccade::http
