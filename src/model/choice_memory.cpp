#include "model/choice_memory.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <vector>

#include <boost/json.hpp>

#include "model/content_hash.h"
#include "model/text_file.h"
#include "observe/log.h"

namespace saccade::model {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::size_t kMostBytes = 64 << 10;
// A server whose models come and go would otherwise fill the disk in the end.
constexpr std::size_t kMostFiles = 1'000;
constexpr const char* kExtension = ".json";
constexpr auto kDoubtfulFor = std::chrono::hours(1);

template <typename T>
std::optional<T> number(const json::object& object, std::string_view name, T least, T most) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_int64()) return std::nullopt;
  const std::int64_t whole = value->get_int64();
  if (whole < static_cast<std::int64_t>(least) || whole > static_cast<std::int64_t>(most))
    return std::nullopt;
  return static_cast<T>(whole);
}

std::optional<std::string> text(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return std::string(value->get_string());
}

std::optional<RememberedChoice> parse(const std::string& content, const std::string& key) {
  boost::system::error_code failure;
  const json::value parsed = json::parse(content, failure);
  if (failure || !parsed.is_object()) return std::nullopt;
  const json::object& object = parsed.get_object();
  if (text(object, "key") != key) return std::nullopt;
  const auto engine = text(object, "engine");
  const auto threads = number(object, "threads", 0, 1024);
  const auto instances = number(object, "instances", std::size_t{1}, std::size_t{1024});
  const auto lone_threads = number(object, "lone_threads", 0, 1024);
  if (!engine || !threads || !instances || !lone_threads) return std::nullopt;
  return RememberedChoice{{*engine, *threads, *instances},
                          printable(text(object, "figures").value_or("")),
                          printable(text(object, "warning").value_or("")),
                          object.contains("doubtful"),
                          *lone_threads};
}

// The error's text; empty: written.
std::string write(const fs::path& file, const std::string& content) {
  std::string beside = file.string() + ".XXXXXX";
  const int descriptor = mkostemp(beside.data(), O_CLOEXEC);
  if (descriptor < 0) return std::generic_category().message(errno);
  std::size_t written = 0;
  bool good = true;
  while (good && written < content.size()) {
    const ssize_t now = ::write(descriptor, content.data() + written, content.size() - written);
    good = now > 0;
    if (good) written += static_cast<std::size_t>(now);
  }
  // Others of the same machine may read it, as they may the models.
  good = good && fchmod(descriptor, 0644) == 0;
  std::string failure = good ? "" : std::generic_category().message(errno);
  if (::close(descriptor) != 0 && good) failure = std::generic_category().message(errno);
  if (failure.empty() && std::rename(beside.c_str(), file.c_str()) != 0) {
    failure = std::generic_category().message(errno);
  }
  if (!failure.empty()) ::unlink(beside.c_str());
  return failure;
}

// The oldest go first. Other processes may be doing the same; what is gone already is gone.
void make_room(const fs::path& directory) {
  std::error_code failure;
  std::vector<std::pair<fs::file_time_type, fs::path>> files;
  for (fs::directory_iterator entry(directory, failure), end; !failure && entry != end;
       entry.increment(failure)) {
    std::error_code gone;
    const auto time = fs::last_write_time(entry->path(), gone);
    if (!gone && entry->path().filename().string().find(kExtension) != std::string::npos) {
      files.emplace_back(time, entry->path());
    }
  }
  if (files.size() < kMostFiles) return;
  std::ranges::sort(files);
  for (std::size_t i = 0; i + kMostFiles <= files.size(); ++i) fs::remove(files[i].second, failure);
}

}  // namespace

fs::path ChoiceMemory::default_directory() {
  const auto from = [](const char* name) -> fs::path {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
  };
  // The convention passes over what is not absolute.
  if (const fs::path cache = from("XDG_CACHE_HOME"); cache.is_absolute())
    return cache / "saccade" / "engines";
  const fs::path home = from("HOME");
  return home.is_absolute() ? home / ".cache" / "saccade" / "engines" : fs::path();
}

fs::path ChoiceMemory::file_of(const std::string& key) const {
  ContentHash hash;
  hash.add(key);
  return directory_ / (hash.text() + kExtension);
}

std::optional<RememberedChoice> ChoiceMemory::find(const std::string& key) const {
  if (directory_.empty()) return std::nullopt;
  const auto content = read_text_file(file_of(key), kMostBytes);
  if (!content) return std::nullopt;
  auto choice = parse(*content, key);
  if (!choice || !choice->doubtful) return choice;
  std::error_code failure;
  const auto written = fs::last_write_time(file_of(key), failure);
  if (failure || fs::file_time_type::clock::now() - written > kDoubtfulFor) return std::nullopt;
  return choice;
}

void ChoiceMemory::keep(const std::string& key, const RememberedChoice& choice) {
  if (directory_.empty()) return;
  std::error_code failure;
  fs::create_directories(directory_, failure);
  std::string problem = failure ? failure.message() : "";
  if (!failure) {
    make_room(directory_);
    json::object object{{"key", key},
                        {"engine", choice.candidate.engine},
                        {"threads", choice.candidate.threads},
                        {"instances", choice.candidate.instances},
                        {"lone_threads", choice.lone_threads},
                        {"figures", choice.figures},
                        {"warning", choice.warning}};
    if (choice.doubtful) object["doubtful"] = true;
    problem = write(file_of(key), json::serialize(object) + "\n");
  }
  if (!problem.empty() && !warned_.exchange(true)) {
    observe::log_warning(
        "{}: which engine is faster can't be kept there ({}); it is measured again at every load",
        directory_.string(), problem);
  }
}

}  // namespace saccade::model
