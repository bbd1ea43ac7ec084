#include "http/kept_request.h"

#include <atomic>

namespace saccade::http {
namespace {

std::atomic<std::size_t> kept_bytes{0};

std::size_t size_of(const net::HttpRequest& request, const PathParameters& parameters) {
  std::size_t size = request.method.size() + request.target.size() + request.path.size() +
                     request.query.size() + request.body.size() + net::kBodyPadding;
  for (const auto& [name, value] : request.headers) size += name.size() + value.size();
  for (const std::string_view value : parameters.values) size += value.size();
  return size;
}

}  // namespace

std::unique_ptr<KeptRequest> KeptRequest::copy(const net::HttpRequest& request,
                                               const PathParameters& parameters) {
  const std::size_t size = size_of(request, parameters);
  if (kept_bytes.fetch_add(size) + size > kMostBytes) {
    kept_bytes.fetch_sub(size);
    return nullptr;
  }
  return std::unique_ptr<KeptRequest>(new KeptRequest(request, parameters, size));
}

KeptRequest::KeptRequest(const net::HttpRequest& request, const PathParameters& parameters,
                         std::size_t size) {
  bytes_.reserve(size);  // so that what points into it stays
  const auto keep = [this](std::string_view text) {
    const std::size_t begin = bytes_.size();
    bytes_ += text;
    return std::string_view(bytes_).substr(begin);
  };
  request_.method = keep(request.method);
  request_.target = keep(request.target);
  request_.path = keep(request.path);
  request_.query = keep(request.query);
  for (const auto& [name, value] : request.headers) {
    const std::string_view kept_name = keep(name);
    request_.headers.emplace_back(kept_name, keep(value));
  }
  for (const std::string_view value : parameters.values) parameters_.values.push_back(keep(value));
  request_.body = keep(request.body);
  bytes_.append(net::kBodyPadding, '\0');
}

KeptRequest::~KeptRequest() {
  kept_bytes.fetch_sub(bytes_.size());
}

}  // namespace saccade::http
