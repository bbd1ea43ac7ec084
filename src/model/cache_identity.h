// What the answers of a loaded model are cached by.
#pragma once

#include <optional>
#include <string_view>

#include "cache/key.h"
#include "cache/settings.h"
#include "model/repository.h"

namespace saccade::model {

// Whether a model's answers are cached: its configuration says so, or the command line.
bool caches_answers(const ModelSource& source, const cache::Selection& selection);

// SHA-256 of all that the model is made of, where its answers are to be shared with other servers. To be
// asked before the model is opened. Nothing: they are not, or not all of it can be read.
std::optional<cache::Digest> files_to_share(const ModelSource& source, const cache::Selection& selection);

// Of the copy that was opened since. Where the files are not any more what they were before, nobody knows
// which of them were opened, and the copy's answers are its own. Nothing: they are not cached.
std::optional<cache::ModelIdentity> cache_identity(const ModelSource& source,
                                                   const cache::Selection& selection,
                                                   const std::optional<cache::Digest>& files_before,
                                                   std::string_view engine);

}  // namespace saccade::model
