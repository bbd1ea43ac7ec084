// A number of 128 bits that stands for what a file holds, to recognise it by. Quick, and no defence against
// somebody who wants two contents to have the same.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"

namespace saccade::model {

class ContentHash {
 public:
  void add(std::string_view bytes);
  // 32 hexadecimal digits, of all that was added.
  std::string text() const;

 private:
  void mix(std::uint64_t word);

  std::array<std::uint64_t, 2> state_{0x9E3779B97F4A7C15, 0xD1B54A32D192ED03};
  std::array<char, 8> rest_{};  // of what was added, less than a word
  std::size_t resting_ = 0;
  std::uint64_t length_ = 0;
};

// Of a model: the bytes of its file, or of all files of a directory with their names; of what lies beside the
// file (weights, which may be large) names and sizes. Errors: kNotFound or kInvalidArgument, where it can't
// be read.
base::Result<std::string> content_hash(const std::filesystem::path& model);
// The bytes of all those files; 0 where they can't be read.
std::uintmax_t content_size(const std::filesystem::path& model);

}  // namespace saccade::model
