// The API's description for machines (OpenAPI 3.1), made from the routes' table and from the models that are
// served while it is asked for. Safe from any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/router.h"
#include "request/model_signature.h"

namespace saccade::http {

using Signatures = std::vector<std::shared_ptr<const request::ModelSignature>>;

// Routes that say nothing of themselves are left out. Of `models`, the versions of one name next to each
// other: the last of each name also gets a path of its own ("/predict/digits") with the very shape of its
// inputs.
std::string openapi_document(const std::vector<Route>& routes, const Signatures& models,
                             std::string_view version);

// Every schema that the routes refer to by name, as one JSON object: {"Error": {…}, …}.
std::string_view openapi_schemas();

}  // namespace saccade::http
