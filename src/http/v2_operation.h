// What the routes of the Open Inference Protocol say about themselves, which is alike for most of them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "http/operation.h"

namespace saccade::http {

// `answer`: the schema of the 200's JSON; empty: it has no body. `body`: the schema of what is taken, which
// may be left out. It asks for the right to read; see needing().
inline Operation v2_operation(std::string tag, std::string summary, std::string answer,
                              std::vector<int> errors = {}, std::string body = {}) {
  Operation operation{.tag = std::move(tag),
                      .right = Right::kRead,
                      .summary = std::move(summary),
                      .errors = std::move(errors)};
  operation.answers.push_back(answer.empty() ? Answer{200, "Yes, or done."}
                                             : json_answer(200, "As said.", std::move(answer)));
  if (!body.empty()) {
    operation.body.push_back(json(std::move(body)));
    operation.body_required = false;
  }
  return operation;
}

// The same for those who may do more.
inline Operation needing(Right right, Operation operation) {
  operation.right = right;
  return operation;
}

}  // namespace saccade::http
