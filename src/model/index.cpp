#include "model/index.h"

namespace saccade::model {

std::string_view state_name(ModelState state) {
  switch (state) {
    case ModelState::kUnknown:
      return "";
    case ModelState::kReady:
      return "READY";
    case ModelState::kLoading:
      return "LOADING";
    case ModelState::kUnloading:
      return "UNLOADING";
    case ModelState::kUnavailable:
      return "UNAVAILABLE";
  }
  return "";
}

}  // namespace saccade::model
