// A real redis-server on a free port of the loopback, without persistence, for one test.
#pragma once

#include <string>
#include <sys/types.h>

namespace saccade::redis {

class RedisServer {
 public:
  explicit RedisServer(std::string password = {});
  ~RedisServer();
  void start();  // on the same port; returns once it listens
  void kill();
  void pause();
  void resume();
  int port() const { return port_; }

 private:
  std::string password_;
  int port_ = 0;
  pid_t pid_ = 0;
};

}  // namespace saccade::redis
