// The cases, run by gRPC's C++ library: client ADDRESS CASES [PID OF THE SERVER].
// ../README.md says what each kind of case requires.
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <optional>

#include "kinds.h"

namespace {

// `api` is the channel that most cases share; the others make one of their own.
void run(Api* api, const std::string& address, const Json& one, int pid) {
  const std::string kind = text(one, "do");
  if (has(one, "compression") || kind == "keep_alive" || kind == "drain") {
    Api own(address, one);
    if (kind == "drain") {
      drain(own, one, pid);
    } else {
      run_kind(kind, own, one);
    }
    return;
  }
  run_kind(kind, *api, one);
  const grpc::Status status = api->live();
  require(status.ok(), "afterwards: " + describe(status));
  require(!api->left_ready(), "the connection was closed");
}

// Empty: it is as it should be.
std::string failure_of(Api* api, const std::string& address, const Json& one, int pid) {
  try {
    run(api, address, one, pid);
    return {};
  } catch (const Failed& failed) {
    return std::string(failed.what()).empty() ? "failed" : failed.what();
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) {
    std::cerr << "client ADDRESS CASES [PID OF THE SERVER]\n";
    return 2;
  }
  const std::string address = arguments[1];
  const int pid = count > 3 ? std::atoi(arguments[3]) : 0;
  std::ifstream file(arguments[2]);
  const Json cases = parse({std::istreambuf_iterator<char>(file), {}});

  // those that wait most of the time wait beside the others
  std::map<std::string, std::future<std::string>> started;
  for (const Json& one : cases.list_value().values()) {
    if (text(one, "do") != "keep_alive") continue;
    started[text(one, "name")] =
        std::async(std::launch::async, [&] { return failure_of(nullptr, address, one, 0); });
  }
  std::optional<Api> api(std::in_place, address, Json());
  int passed = 0;
  int failed = 0;
  for (const Json& one : cases.list_value().values()) {
    const std::string name = text(one, "name");
    if (text(one, "do") == "drain" && pid == 0) {
      std::cout << "skip  " << name << ": no process was named\n";
      continue;
    }
    const auto found = started.find(name);
    const std::string failure =
        found != started.end() ? found->second.get() : failure_of(&*api, address, one, pid);
    ++(failure.empty() ? passed : failed);
    std::cout << (failure.empty() ? "pass  " + name : "fail  " + name + ": " + failure) << std::endl;
  }
  std::cout << passed << " passed, " << failed << " failed\n";
  return failed > 0 ? 1 : 0;
}
