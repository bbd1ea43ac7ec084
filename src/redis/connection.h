// One connection to a Redis server, over hiredis' asynchronous interface, with poll() in the place of an
// event library. Belongs to one thread. Commands are answered in the order in which they were sent; many may
// be under way.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "redis/address.h"
#include "redis/reply.h"

namespace saccade::redis {

class Connection {
 public:
  // Called once, in handle() or by the destructor; an error says that the connection has been lost.
  using Answered = std::move_only_function<void(base::Result<Reply>)>;

  // Begins to connect; looking the name up may block.
  explicit Connection(const Address& address);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // False: there is none any more. What was under way has been answered.
  bool alive() const;
  const std::string& trouble() const;  // why not

  void send(const std::vector<std::string>& words, Answered answered);

  // For poll(): the descriptor, and which events to wait for.
  int descriptor() const;
  short wanted() const;
  void handle(short events);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace saccade::redis
