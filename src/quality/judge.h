// What a truth says about a prediction, both as the log has them.
//
// The prediction is a row's result: {"prediction": "7", "class": 7, "confidence": 0.998}, or for a batch
// {"predictions": [{…}, …]}, which takes a list of as many truths. A truth is the class's label or its
// number. Pure.
#pragma once

#include <string_view>
#include <vector>

#include "base/error.h"
#include "quality/calibration.h"

namespace saccade::quality {

// Empty where the prediction is not one of a class. Errors: kInvalidArgument, where the truth does not fit.
base::Result<std::vector<Judged>> judge(std::string_view result, std::string_view truth, double weight);

}  // namespace saccade::quality
