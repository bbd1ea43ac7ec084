// The routes of the REST and WebSocket API, by topic; each function adds its own to the table.
#pragma once

#include "http/predictor.h"
#include "http/router.h"
#include "serve/service.h"

namespace saccade::http {

// POST /predict[/{model}], POST /predict-async[/{model}], GET /ws/predict[/{model}]
void add_predict_routes(Router& router, serve::Service& service, Predictor& predictor);
// GET /predictions, GET /predictions/{id}
void add_log_routes(Router& router, serve::Service& service);
// GET /, /health/live, /health/ready, /models, /models/{model}, /metrics
void add_status_routes(Router& router, serve::Service& service);

}  // namespace saccade::http
