// A copy of a request that is answered later than its handler's call: with its views into memory of its own,
// and with the parameters that its path held.
//
// All copies together have a bound, so that nobody can have the server keep more by asking what takes long.
// Not synchronised, apart from that bound.
#pragma once

#include <memory>
#include <string>

#include "http/router.h"
#include "net/http_message.h"

namespace saccade::http {

class KeptRequest {
 public:
  static constexpr std::size_t kMostBytes = std::size_t{64} * 1024 * 1024;

  // Null: too much is kept already.
  static std::unique_ptr<KeptRequest> copy(const net::HttpRequest& request, const PathParameters& parameters);
  ~KeptRequest();
  KeptRequest(const KeptRequest&) = delete;
  KeptRequest& operator=(const KeptRequest&) = delete;

  const net::HttpRequest& request() const { return request_; }
  const PathParameters& parameters() const { return parameters_; }

 private:
  KeptRequest(const net::HttpRequest& request, const PathParameters& parameters, std::size_t size);

  std::string bytes_;
  net::HttpRequest request_;
  PathParameters parameters_;
};

}  // namespace saccade::http
