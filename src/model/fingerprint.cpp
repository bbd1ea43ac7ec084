#include "model/fingerprint.h"

#include <algorithm>
#include <sys/stat.h>
#include <vector>

#include "model/model_files.h"
#include "model/names.h"

namespace saccade::model {
namespace {

namespace fs = std::filesystem;

// A link may lead in a circle; a model has neither so many files nor such depths.
constexpr int kDeepest = 8;
constexpr std::size_t kMostEntries = 20'000;

class Reader {
 public:
  // `skip_versions`: directories directly in `place` that are named as versions are left out.
  void add(const fs::path& place, bool skip_versions, int depth = 0) {
    struct stat status{};
    if (++entries_ > kMostEntries || ::stat(place.c_str(), &status) != 0) {
      text_ += place.string() + " ?\n";
      return;
    }
    if (!S_ISDIR(status.st_mode)) {
      text_ += place.string() + " " + std::to_string(status.st_size) + " " + std::to_string(status.st_ino) +
               " " + std::to_string(status.st_mtim.tv_sec) + "." + std::to_string(status.st_mtim.tv_nsec) +
               "\n";
      return;
    }
    text_ += place.string() + "/\n";
    if (depth == kDeepest) return;
    std::vector<fs::path> inside;
    std::error_code failure;
    for (fs::directory_iterator entry(place, failure), end; !failure && entry != end;
         entry.increment(failure)) {
      if (skip_versions && parse_version(entry->path().filename().string())) continue;
      if (!entry->path().filename().string().starts_with('.')) inside.push_back(entry->path());
    }
    std::ranges::sort(inside);
    for (const fs::path& path : inside) add(path, false, depth + 1);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
  std::size_t entries_ = 0;
};

}  // namespace

std::string fingerprint(const fs::path& place) {
  Reader reader;
  for (const fs::path& part : model_parts(place)) reader.add(part, false);
  return reader.take();
}

std::string fingerprint(const ModelSource& source) {
  Reader reader;
  if (source.directory.empty()) {
    for (const fs::path& part : model_parts(source.file)) reader.add(part, false);
    return reader.take();
  }
  reader.add(source.directory, true);
  reader.add(source.directory / source.version, false);
  return reader.take();
}

}  // namespace saccade::model
