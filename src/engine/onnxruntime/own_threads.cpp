#include "engine/onnxruntime/own_threads.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

namespace saccade::engine::onnxruntime {
namespace {

// What the library hands back to start(): it has to live as long as any session.
constexpr std::array<int, 20> kNice{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19};

// Null where no thread can be started: the library says so to whoever opens the session.
OrtCustomThreadHandle start(void* options, OrtThreadWorkerFn work, void* argument) {
  const int nice = *static_cast<const int*>(options);
  try {
    auto* thread = new std::thread([nice, work, argument] {
      setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), nice);
      work(argument);
    });
    return reinterpret_cast<OrtCustomThreadHandle>(thread);
  } catch (const std::exception&) {
    return nullptr;
  }
}

void join(OrtCustomThreadHandle handle) {
  // The handle's type is a pointer to what nobody may look at.
  auto* thread = const_cast<std::thread*>(reinterpret_cast<const std::thread*>(handle));
  thread->join();
  delete thread;
}

}  // namespace

void use_nice_threads(Ort::SessionOptions& settings, int nice) {
  const auto place = static_cast<std::size_t>(std::clamp(nice, 1, 19));
  settings.SetCustomCreateThreadFn(start);
  settings.SetCustomThreadCreationOptions(const_cast<int*>(&kNice.at(place)));
  settings.SetCustomJoinThreadFn(join);
}

}  // namespace saccade::engine::onnxruntime
