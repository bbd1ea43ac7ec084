#include "known_server.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <charconv>
#include <map>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <queue>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace open_loop {
namespace {

using Clock = std::chrono::steady_clock;

struct Client {
  bool websocket = false;
  std::string held;
};

struct Due {
  Clock::time_point at;
  int client = -1;
  std::string bytes;
  bool operator<(const Due& other) const { return at > other.at; }  // the earliest on top
};

std::string http(std::string_view status, std::string_view body) {
  return "HTTP/1.1 " + std::string(status) +
         "\r\ncontent-type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

std::string frame(std::string_view payload) {
  std::string out{static_cast<char>(0x81), static_cast<char>(payload.size())};
  return out.append(payload);
}

std::string answer(const Client& client, Fate::Kind kind) {
  const auto either = [&](std::string_view status, std::string_view body) {
    return client.websocket ? frame(body) : http(status, body);
  };
  switch (kind) {
    case Fate::Kind::kRefuse:
      return either("503 Service Unavailable", R"({"error":"full","code":"unavailable","retry_after_ms":7})");
    case Fate::Kind::kExpire:
      return either("504 Gateway Timeout", R"({"error":"too late","code":"deadline_exceeded"})");
    case Fate::Kind::kFail:
      return either("400 Bad Request", R"({"error":"no","code":"invalid_argument"})");
    default:
      return either("200 OK", R"({"prediction":"7"})");
  }
}

// Cuts one request off the front of what has come; false where there is none whole.
bool cut(Client& client, bool& handshake) {
  handshake = false;
  std::string& held = client.held;
  if (client.websocket) {
    if (held.size() < 2) return false;
    std::size_t length = static_cast<unsigned char>(held[1]) & 0x7FU;
    std::size_t head = 6;
    if (length == 126) {
      if (held.size() < 4) return false;
      length = static_cast<std::size_t>(static_cast<unsigned char>(held[2])) << 8U |
               static_cast<unsigned char>(held[3]);
      head = 8;
    }
    if (held.size() < head + length) return false;
    held.erase(0, head + length);
    return true;
  }
  const std::size_t end = held.find("\r\n\r\n");
  if (end == std::string::npos) return false;
  std::size_t length = 0;
  if (const std::size_t at = held.find("Content-Length: "); at < end)
    std::from_chars(held.data() + at + 16, held.data() + end, length);
  if (held.size() < end + 4 + length) return false;
  handshake = held.find("Upgrade: websocket") < end;
  held.erase(0, end + 4 + length);
  return true;
}

}  // namespace

KnownServer::KnownServer(std::function<Fate(std::uint64_t)> rule, std::chrono::nanoseconds stall)
    : rule_(std::move(rule)), stall_(stall) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (listener_ < 0 || ::bind(listener_, reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::listen(listener_, 1024) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::system_error(errno, std::generic_category(), "the known server's socket");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

KnownServer::~KnownServer() {
  stop_ = true;
  thread_.join();
  ::close(listener_);
}

void KnownServer::serve() {
  std::map<int, Client> clients;
  std::priority_queue<Due> due;
  std::uint64_t requests = 0;
  Clock::time_point served = Clock::now();  // when the queue with one place is through
  const auto end = [&](int descriptor) {
    ::close(descriptor);
    clients.erase(descriptor);
  };
  const auto take = [&](int descriptor) {
    Client& client = clients.at(descriptor);
    for (bool handshake = false; cut(client, handshake);) {
      if (handshake) {
        client.websocket = true;
        const std::string_view yes =
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
        (void)!::send(descriptor, yes.data(), yes.size(), MSG_NOSIGNAL);
        continue;
      }
      const auto now = Clock::now();
      if (requests == 0 && stall_.count() > 0) std::this_thread::sleep_until(now + stall_);
      const Fate fate = rule_(requests++);
      if (fate.kind == Fate::Kind::kForget) continue;
      if (fate.kind == Fate::Kind::kClose) return end(descriptor);
      served = std::max(served, now) + fate.after;
      due.push({fate.one_by_one ? served : now + fate.after, descriptor, answer(client, fate.kind)});
    }
  };
  std::vector<pollfd> watched;
  std::array<char, 65'536> buffer{};
  while (!stop_) {
    for (; !due.empty() && due.top().at <= Clock::now(); due.pop())
      if (clients.contains(due.top().client))
        (void)!::send(due.top().client, due.top().bytes.data(), due.top().bytes.size(), MSG_NOSIGNAL);
    watched.assign(1, {listener_, POLLIN, 0});
    for (const auto& [descriptor, client] : clients) watched.push_back({descriptor, POLLIN, 0});
    const auto wait = due.empty() ? std::chrono::nanoseconds(10'000'000)
                                  : std::clamp<std::chrono::nanoseconds>(
                                        due.top().at - Clock::now(), std::chrono::nanoseconds(0),
                                        std::chrono::nanoseconds(10'000'000));
    const timespec time{0, wait.count()};
    ::ppoll(watched.data(), watched.size(), &time, nullptr);
    for (const pollfd& one : watched) {
      if ((one.revents & (POLLIN | POLLHUP | POLLERR)) == 0) continue;
      if (one.fd == listener_) {
        for (int taken = 0;
             (taken = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0;) {
          const int on = 1;
          ::setsockopt(taken, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
          clients.emplace(taken, Client{});
        }
        continue;
      }
      const ssize_t size = ::recv(one.fd, buffer.data(), buffer.size(), 0);
      if (size < 0 && errno == EAGAIN) continue;
      if (size <= 0) {
        end(one.fd);
        continue;
      }
      clients.at(one.fd).held.append(buffer.data(), static_cast<std::size_t>(size));
      take(one.fd);
    }
  }
  for (const auto& [descriptor, client] : clients) ::close(descriptor);
}

}  // namespace open_loop
