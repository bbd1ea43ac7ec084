#include "model/cache_identity.h"

#include <algorithm>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

#include "model_config.pb.h"
#include "observe/log.h"

namespace saccade::model {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostFiles = 10'000;

// Those that may be part of the model. Of a repository all of the version; of a bare file those that are
// named as it is, or, where it speaks of others (ONNX keeps large weights beside the file, and where under
// "location"), whatever lies beside it. Nothing: too many.
std::optional<std::vector<fs::path>> files_of(const ModelSource& source, bool speaks_of_others) {
  std::error_code failure;
  std::vector<fs::path> files;
  const auto add = [&](const fs::directory_entry& entry) {
    std::error_code gone;
    if (entry.is_regular_file(gone)) files.push_back(entry.path());
    return files.size() <= kMostFiles;
  };
  const bool in_repository = !source.directory.empty();
  if (in_repository || fs::is_directory(source.file, failure)) {
    const fs::path root = in_repository ? source.file.parent_path() : source.file;
    for (fs::recursive_directory_iterator entry(root, failure), end; !failure && entry != end;
         entry.increment(failure)) {
      if (!add(*entry)) return std::nullopt;
    }
  } else {
    const std::string stem = source.file.stem().string();
    const fs::path folder = source.file.has_parent_path() ? source.file.parent_path() : ".";
    for (fs::directory_iterator entry(folder, failure), end; !failure && entry != end;
         entry.increment(failure)) {
      if (!speaks_of_others && !entry->path().filename().string().starts_with(stem)) continue;
      if (!add(*entry)) return std::nullopt;
    }
  }
  if (failure) return std::nullopt;
  std::ranges::sort(files);
  return files;
}

bool add_file(const fs::path& file, cache::Hasher& hasher) {
  std::ifstream in(file, std::ios::binary);
  std::vector<char> block(std::size_t{1} << 18);
  std::uint64_t length = 0;
  while (in) {
    in.read(block.data(), static_cast<std::streamsize>(block.size()));
    hasher.add({block.data(), static_cast<std::size_t>(in.gcount())});
    length += static_cast<std::uint64_t>(in.gcount());
  }
  hasher.add_number(length);
  return in.eof() && !in.bad();
}

bool contains(const fs::path& file, std::string_view word) {
  std::ifstream in(file, std::ios::binary);
  std::string block;
  std::vector<char> read(std::size_t{1} << 18);
  while (in) {
    in.read(read.data(), static_cast<std::streamsize>(read.size()));
    block.append(read.data(), static_cast<std::size_t>(in.gcount()));
    if (block.find(word) != block.npos) return true;
    block.erase(0, block.size() - std::min(block.size(), word.size()));
  }
  return false;
}

std::optional<cache::Digest> digest_of(const ModelSource& source) {
  std::error_code failure;
  const bool bare = source.directory.empty() && fs::is_regular_file(source.file, failure);
  const auto files = files_of(source, bare && contains(source.file, "location"));
  if (!files) return std::nullopt;
  const fs::path root = source.file.parent_path();
  cache::Hasher hasher;
  hasher.add_part(source.name);
  hasher.add_part(source.version);
  hasher.add_part(source.file.filename().string());
  hasher.add_part(source.config.message == nullptr ? "" : source.config.message->ShortDebugString());
  for (const fs::path& file : *files) {
    hasher.add_part(bare ? file.filename().string() : file.lexically_relative(root).string());
    if (!add_file(file, hasher)) return std::nullopt;
  }
  return hasher.finish();
}

}  // namespace

bool caches_answers(const ModelSource& source, const cache::Selection& selection) {
  if (selection.off) return false;
  const auto& message = source.config.message;
  if (message != nullptr && message->has_response_cache()) return message->response_cache().enable();
  return selection.has(source.name);
}

std::optional<cache::Digest> files_to_share(const ModelSource& source, const cache::Selection& selection) {
  if (!selection.shared || !caches_answers(source, selection)) return std::nullopt;
  return digest_of(source);
}

std::optional<cache::ModelIdentity> cache_identity(const ModelSource& source,
                                                   const cache::Selection& selection,
                                                   const std::optional<cache::Digest>& files_before,
                                                   std::string_view engine) {
  if (!caches_answers(source, selection)) return std::nullopt;
  cache::ModelIdentity identity = cache::own_identity();
  if (!selection.shared) return identity;
  const std::optional<cache::Digest> files = digest_of(source);
  if (!files || files != files_before) {
    observe::log_warning(
        "model \"{}\" version {}: its files changed while it was loaded, or can't all be read; its answers "
        "are "
        "cached in this server's memory alone",
        source.name, source.version);
    return identity;
  }
  // Engines round differently, and nobody is to get another's digits.
  cache::Hasher hasher;
  hasher.add(cache::bytes_of(*files));
  hasher.add_part(engine);
  identity.content = hasher.finish();
  identity.shared = true;
  return identity;
}

}  // namespace saccade::model
