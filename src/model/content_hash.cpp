#include "model/content_hash.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>
#include <system_error>
#include <vector>

namespace saccade::model {
namespace {

namespace fs = std::filesystem;

// Multipliers with well spread bits, odd.
constexpr std::uint64_t kFirst = 0x9FB21C651E98DF25;
constexpr std::uint64_t kSecond = 0xC2B2AE3D27D4EB4F;
constexpr std::size_t kMostEntries = 10'000;

// Every bit of the result hangs on every bit of the word.
std::uint64_t spread(std::uint64_t word) {
  word ^= word >> 32;
  word *= kFirst;
  word ^= word >> 29;
  word *= kSecond;
  return word ^ (word >> 32);
}

base::Status add_file(const fs::path& file, ContentHash& hash) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return base::fail(base::Code::kNotFound, file.string() + ": can't be opened");
  std::vector<char> block(std::size_t{1} << 18);
  while (in) {
    in.read(block.data(), static_cast<std::streamsize>(block.size()));
    hash.add({block.data(), static_cast<std::size_t>(in.gcount())});
  }
  if (in.bad()) return base::invalid_argument(file.string() + ": can't be read");
  return {};
}

std::vector<fs::path> files_below(const fs::path& directory) {
  std::vector<fs::path> files;
  std::error_code failure;
  for (fs::recursive_directory_iterator entry(directory, failure), end;
       !failure && entry != end && files.size() < kMostEntries; entry.increment(failure)) {
    std::error_code gone;
    if (entry->is_regular_file(gone)) files.push_back(entry->path());
  }
  std::ranges::sort(files);
  return files;
}

// Of a folder of many models those files that are named as this one.
std::vector<fs::path> files_beside(const fs::path& model) {
  std::vector<fs::path> files;
  const std::string stem = model.stem().string();
  std::error_code failure;
  for (fs::directory_iterator entry(model.parent_path().empty() ? "." : model.parent_path(), failure), end;
       !failure && entry != end && files.size() < kMostEntries; entry.increment(failure)) {
    std::error_code gone;
    const std::string name = entry->path().filename().string();
    if (entry->is_regular_file(gone) && name.starts_with(stem) && entry->path() != model) {
      files.push_back(entry->path());
    }
  }
  std::ranges::sort(files);
  return files;
}

std::uintmax_t size_of(const fs::path& file) {
  std::error_code gone;
  const std::uintmax_t size = fs::file_size(file, gone);
  return gone ? 0 : size;
}

}  // namespace

void ContentHash::mix(std::uint64_t word) {
  state_[0] = std::rotl((state_[0] ^ word) * kFirst, 31);
  state_[1] = std::rotl((state_[1] + word) * kSecond, 27) ^ state_[0];
}

void ContentHash::add(std::string_view bytes) {
  length_ += bytes.size();
  if (resting_ > 0) {
    const std::size_t taken = std::min(bytes.size(), rest_.size() - resting_);
    std::copy_n(bytes.data(), taken, rest_.data() + resting_);
    resting_ += taken;
    bytes.remove_prefix(taken);
    if (resting_ < rest_.size()) return;
    mix(std::bit_cast<std::uint64_t>(rest_));
    resting_ = 0;
  }
  while (bytes.size() >= rest_.size()) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof word);
    mix(word);
    bytes.remove_prefix(sizeof word);
  }
  std::ranges::copy(bytes, rest_.begin());
  resting_ = bytes.size();
}

std::string ContentHash::text() const {
  ContentHash end = *this;
  std::fill(end.rest_.begin() + static_cast<std::ptrdiff_t>(resting_), end.rest_.end(), '\0');
  end.mix(std::bit_cast<std::uint64_t>(end.rest_));
  end.mix(length_);
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string digits;
  for (const std::uint64_t state : end.state_) {
    const std::uint64_t value = spread(state);
    for (int shift = 60; shift >= 0; shift -= 4) digits += kDigits[(value >> shift) & 15];
  }
  return digits;
}

base::Result<std::string> content_hash(const fs::path& model) {
  ContentHash hash;
  std::error_code failure;
  if (fs::is_directory(model, failure)) {
    for (const fs::path& file : files_below(model)) {
      hash.add(file.lexically_relative(model).string());
      if (base::Status added = add_file(file, hash); !added) return std::unexpected(std::move(added.error()));
    }
    return hash.text();
  }
  if (base::Status added = add_file(model, hash); !added) return std::unexpected(std::move(added.error()));
  for (const fs::path& file : files_beside(model)) {
    hash.add(file.filename().string() + " " + std::to_string(size_of(file)) + "\n");
  }
  return hash.text();
}

std::uintmax_t content_size(const fs::path& model) {
  std::error_code failure;
  std::vector<fs::path> files;
  if (fs::is_directory(model, failure)) {
    files = files_below(model);
  } else {
    files = files_beside(model);
    files.push_back(model);
  }
  std::uintmax_t sum = 0;
  for (const fs::path& file : files) sum += size_of(file);
  return sum;
}

}  // namespace saccade::model
