// A stream that keeps what is sent into it. Nothing leaves by itself: a test says when the peer has read.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/stream.h"

namespace saccade::grpc {

class FakeStream final : public net::Stream {
 public:
  explicit FakeStream(runtime::EventLoop& its_loop) : loop_(its_loop) {}

  void send_headers(int sent_status, net::Headers sent) override {
    ++heads;
    status = sent_status;
    headers = std::move(sent);
  }
  void send_data(std::string bytes) override {
    unsent += bytes.size();
    data += bytes;
  }
  void send_trailers(net::Headers sent) override {
    ++ends;
    trailers = std::move(sent);
  }
  void reset(std::uint32_t error_code) override { reset_with = error_code; }
  std::size_t unsent_bytes() const override { return unsent; }
  void consume(std::size_t bytes) override { consumed += bytes; }
  bool hold(std::size_t bytes) override {
    if (bytes > most_held) return false;
    held = bytes;
    return true;
  }
  runtime::EventLoop& loop() override { return loop_; }
  std::shared_ptr<const std::atomic<bool>> gone() const override { return nullptr; }
  const net::Peer& peer() const override { return peer_; }

  static std::string field(const net::Headers& fields, std::string_view name) {
    for (const auto& [key, value] : fields) {
      if (key == name) return value;
    }
    return {};
  }
  std::string header(std::string_view name) const { return field(headers, name); }
  std::string trailer(std::string_view name) const { return field(trailers, name); }
  // -1: the call is not over.
  int grpc_status() const {
    const std::string text = trailer("grpc-status");
    return text.empty() ? -1 : std::stoi(text);
  }

  int heads = 0;
  int ends = 0;
  int status = 0;
  net::Headers headers;
  net::Headers trailers;
  std::string data;
  std::size_t unsent = 0;
  std::size_t consumed = 0;
  std::size_t held = 0;
  std::size_t most_held = std::size_t{1024} * 1024 * 1024;
  std::optional<std::uint32_t> reset_with;

 private:
  runtime::EventLoop& loop_;
  net::Peer peer_;
};

}  // namespace saccade::grpc
