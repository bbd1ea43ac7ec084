// What was chosen for a model on this machine, kept on disk for the next start.
//
// One small file for each key, in one directory. The key says everything that the choice hangs on and stands
// in the file in full; a file that is not of the key, can't be read, or is no such file counts as not there,
// and the next choice takes its place. Files are written beside and renamed, so that several processes may
// share the directory and none ever sees half a file. Safe from any thread.
#pragma once

#include <atomic>
#include <filesystem>
#include <optional>
#include <string>

#include "model/engine_choice.h"

namespace saccade::model {

struct RememberedChoice {
  EngineCandidate candidate;
  std::string figures;    // of it, for people
  std::string warning;    // to be said again; empty: none
  bool doubtful = false;  // measured on a machine that had much else to do: forgotten after an hour
  int lone_threads = 1;   // of a run that has the machine to itself
};

class ChoiceMemory {
 public:
  // `directory` is made when something is to be kept; empty: nothing is remembered.
  explicit ChoiceMemory(std::filesystem::path directory) : directory_(std::move(directory)) {}

  std::optional<RememberedChoice> find(const std::string& key) const;
  // What can't be kept is measured again next time; the log says so once.
  void keep(const std::string& key, const RememberedChoice& choice);

  const std::filesystem::path& directory() const { return directory_; }
  // XDG_CACHE_HOME/saccade/engines, or ~/.cache/saccade/engines; empty where neither is set.
  static std::filesystem::path default_directory();

 private:
  std::filesystem::path file_of(const std::string& key) const;

  const std::filesystem::path directory_;
  std::atomic<bool> warned_{false};
};

}  // namespace saccade::model
