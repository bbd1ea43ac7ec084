// The routes of the REST and WebSocket API, by topic; each function adds its own to the table.
#pragma once

#include "http/predictor.h"
#include "http/router.h"
#include "serve/service.h"

namespace saccade::http {

// POST /predict[/{model}], POST /predict-async[/{model}], GET /ws/predict[/{model}]
void add_predict_routes(Router& router, serve::Service& service, Predictor& predictor);
// GET /predictions, GET /predictions/{id}, POST /predictions/{id}/feedback
void add_log_routes(Router& router, serve::Service& service);
// GET /, /health/live, /health/ready, /models, /models/{model}, /metrics
void add_status_routes(Router& router, serve::Service& service);
// Of these, what the separate metrics address serves: /metrics, /health/live, /health/ready
void add_metrics_routes(Router& router, serve::Service& service);
// GET /models/{model}/schedule
void add_schedule_routes(Router& router, serve::Service& service);

// Inference of the Open Inference Protocol: POST /v2/models/{model}[/versions/{version}]/infer
void add_infer_routes(Router& router, serve::Service& service);

// What the Open Inference Protocol, with Triton's extensions, has besides inference.
// GET /v2, /v2/health/…, and about models: metadata, ready, config, stats. `server_version`: of the metadata.
void add_v2_model_routes(Router& router, serve::Service& service, std::string_view server_version);
// POST /v2/repository/index, /v2/repository/models/{model}/load and …/unload
void add_v2_repository_routes(Router& router, serve::Service& service);
// GET and POST /v2/logging, /v2/trace/setting, /v2/models/{model}/trace/setting
void add_v2_setting_routes(Router& router, serve::Service& service);
// /v2/systemsharedmemory/…, /v2/cudasharedmemory/…
void add_v2_memory_routes(Router& router, serve::Service& service);
// TensorFlow Serving and KServe v1: GET /v1/models, and /v1/models/{model}[/versions/{version}] with
// :predict, :classify and metadata
void add_v1_routes(Router& router, serve::Service& service);
// GET /openapi.json, /docs, /docs/{file}. `version`: of this program.
void add_documentation_routes(Router& router, serve::Service& service, std::string version);

}  // namespace saccade::http
