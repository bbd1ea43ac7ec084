// The bodies of predictions by one model: the JSON Schema of /predict's, and examples. All as JSON, from the
// model's signature alone. Pure functions.
#pragma once

#include <string>

#include "request/model_signature.h"

namespace saccade::http {

std::string predict_body_schema(const request::ModelSignature& model);
// One item; empty where it would be too long to read.
std::string predict_body_example(const request::ModelSignature& model);
std::string v2_body_example(const request::ModelSignature& model);

}  // namespace saccade::http
