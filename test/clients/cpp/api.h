// A channel, and the methods of the generated code on it.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include <grpcpp/generic/generic_stub.h>

#include "compare.h"
#include "grpc_service.grpc.pb.h"

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Nothing in the cases takes so long: a call that ends by this has hung.
constexpr milliseconds kCallTime{60'000};

inline milliseconds since(Clock::time_point start) {
  return std::chrono::duration_cast<milliseconds>(Clock::now() - start);
}

// One call under way, started by Api::start().
struct Call {
  grpc::ClientContext context;
  inference::ModelInferRequest request;
  inference::ModelInferResponse answer;
  std::promise<grpc::Status> promise;
  std::future<grpc::Status> end = promise.get_future();
  std::atomic<Clock::time_point> ended{};
};

class Api {
 public:
  // `one` may ask for pings and compression.
  Api(const std::string& address, const Json& one);
  ~Api();

  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  inference::GRPCInferenceService::Stub& stub() { return *stub_; }
  // Any unary method by its name; `answer` is filled where it succeeds.
  grpc::Status call(const Json& one, std::unique_ptr<google::protobuf::Message>& answer);
  // `on_end` is called from gRPC's own threads.
  std::shared_ptr<Call> start(inference::ModelInferRequest request, milliseconds deadline = kCallTime,
                              std::function<void(Call&, const grpc::Status&)> on_end = {});
  // The case's request, and the check of its answer.
  std::shared_ptr<Call> start(const Json& one, int number, milliseconds deadline = kCallTime);
  milliseconds infer(const Json& one, int number);
  grpc::Status live();
  // A channel that had its connection has lost it.
  bool left_ready() const { return left_ready_; }

 private:
  void watch();

  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<inference::GRPCInferenceService::Stub> stub_;
  std::atomic<bool> left_ready_ = false;
  std::atomic<bool> closed_ = false;
  std::thread watcher_;
};

void set_deadline(grpc::ClientContext& context, milliseconds after = kCallTime);
