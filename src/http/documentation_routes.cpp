// /openapi.json, and /docs: Swagger UI, which shows it. The page needs nothing from elsewhere, and its policy
// lets it load nothing from elsewhere.
#include <limits>

#include "http/content_coding.h"
#include "http/openapi.h"
#include "http/routes.h"
#include "swagger_ui.h"

namespace saccade::http {
namespace {

constexpr std::string_view kPage = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Saccade: the API</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="icon" type="image/png" href="docs/icon.png">
</head>
<body>
<div id="swagger-ui"></div>
<noscript>This page needs JavaScript; the same is in <a href="openapi.json">openapi.json</a>.</noscript>
<script src="docs/swagger-ui.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
)";

constexpr std::string_view kStart = R"(window.ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
)";

constexpr const char* kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src "
    "data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'";

constexpr std::size_t kLargestFile = std::size_t{16} << 20U;

struct File {
  std::string_view name;
  std::string_view type;
  std::string_view content;
  std::string_view hash;  // empty: the content is short and is compared by itself
  bool compressed = false;
};

const File* find_file(std::string_view name) {
  static const File files[] = {
      {"swagger-ui.js", "text/javascript; charset=utf-8", swagger_ui::bundle, swagger_ui::bundle_hash, true},
      {"swagger-ui.css", "text/css; charset=utf-8", swagger_ui::style, swagger_ui::style_hash, true},
      {"LICENSE", "text/plain; charset=utf-8", swagger_ui::licence, swagger_ui::licence_hash, true},
      {"icon.png", "image/png", swagger_ui::icon, swagger_ui::icon_hash},
      {"start.js", "text/javascript; charset=utf-8", kStart, "start-1"},
  };
  for (const File& file : files) {
    if (file.name == name) return &file;
  }
  return nullptr;
}

void serve_file(const Call& call, const net::HttpRequest& request, const File& file) {
  net::HttpResponse response{.content_type = file.type, .body = {}, .headers = {}};
  const bool compressed =
      file.compressed && preferred_coding(request.header("accept-encoding")) == Coding::kGzip;
  const std::string tag = "\"" + std::string(file.hash) + (compressed ? "-gzip\"" : "\"");
  response.headers = {{"ETag", tag}, {"Cache-Control", "no-cache"}, {"X-Content-Type-Options", "nosniff"}};
  if (file.compressed) response.headers.emplace_back("Vary", "Accept-Encoding");
  if (request.header("if-none-match").find(tag) != std::string_view::npos) {
    response.status = 304;
    response.content_type = {};
    return call.respond(std::move(response));
  }
  if (compressed) {
    response.headers.emplace_back("Content-Encoding", "gzip");
    response.body = file.content;
  } else if (file.compressed) {
    auto plain = decompress(Coding::kGzip, file.content, kLargestFile);
    if (!plain) return call.fail({base::Code::kInternal, plain.error().message});
    response.body = *std::move(plain);
  } else {
    response.body = file.content;
  }
  call.respond(std::move(response), std::numeric_limits<std::size_t>::max());
}

void page(const Call& call, const net::HttpRequest& request) {
  if (request.path.ends_with(
          '/')) {  // the page's links are relative, so that a prefix of a proxy does no harm
    return call.respond(
        {.status = 308, .content_type = {}, .body = {}, .headers = {{"Location", "../docs"}}});
  }
  call.respond({.content_type = "text/html; charset=utf-8",
                .body = std::string(kPage),
                .headers = {{"Cache-Control", "no-cache"},
                            {"Content-Security-Policy", kPolicy},
                            {"X-Content-Type-Options", "nosniff"}}});
}

}  // namespace

void add_documentation_routes(Router& router, serve::Service& service, std::string version) {
  router.add("GET", "/openapi.json",
             {.id = "openapi",
              .tag = "documentation",
              .right = Right::kRead,
              .summary = "This API for machines, as OpenAPI 3.1.",
              .answers = {json_answer(200, "The description.", R"({"type":"object"})")}},
             [&router, &service, version = std::move(version)](const Call& call, const net::HttpRequest&,
                                                               const PathParameters&) {
               Signatures signatures;
               for (const auto& model : service.catalog().all()) signatures.push_back(model->signature());
               call.respond_json(openapi_document(router.routes(), signatures, version));
             });
  router.add(
      "GET", "/docs",
      {.id = "documentation",
       .tag = "documentation",
       .right = Right::kRead,
       .summary = "This API for people: Swagger UI.",
       .answers = {{200, "The page.", {{"text/html", schema::kText, {}}}},
                   {308, "The page is asked for without a slash at the end."}}},
      [](const Call& call, const net::HttpRequest& request, const PathParameters&) { page(call, request); });
  router.add("GET", "/docs/{file}",
             {.id = "documentationFile",
              .tag = "documentation",
              .right = Right::kRead,
              .summary = "A part of the page /docs.",
              .parameters = {{"path", "file", "A file that the page names."},
                             in_header("If-None-Match", "The ETag of a copy at hand.")},
              .answers = {{200,
                           "The file.",
                           {{"text/javascript", schema::kText, {}},
                            {"text/css", schema::kText, {}},
                            {"text/plain", schema::kText, {}},
                            {"image/png", schema::kBytes, {}}}},
                          {304, "The copy at hand is right."}},
              .errors = {404}},
             [](const Call& call, const net::HttpRequest& request, const PathParameters& parameters) {
               if (const File* file = find_file(parameters[0])) return serve_file(call, request, *file);
               call.fail({base::Code::kNotFound, "the documentation has no such file"});
             });
}

}  // namespace saccade::http
