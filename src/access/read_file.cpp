#include "access/read_file.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>

namespace saccade::access {
namespace {

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(descriptor, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return ::fsync(descriptor) == 0;
}

}  // namespace

base::Result<std::string> read_file(const std::string& file, std::size_t most) {
  const auto fail = [&file](const std::string& why) { return base::invalid_argument(file + ": " + why); };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> opened(std::fopen(file.c_str(), "re"), std::fclose);
  if (opened == nullptr) return fail(std::strerror(errno));
  std::string text;
  char part[8192];
  for (;;) {
    const std::size_t count = std::fread(part, 1, sizeof part, opened.get());
    text.append(part, count);
    if (text.size() > most) return fail("has more than " + std::to_string(most) + " bytes");
    if (count < sizeof part) break;
  }
  if (std::ferror(opened.get()) != 0) return fail(std::strerror(errno));
  return text;
}

base::Status replace_file(const std::string& file, const std::string& text) {
  const auto fail = [&file] { return base::invalid_argument(file + ": " + std::strerror(errno)); };
  struct stat before{};
  const bool was_there = ::stat(file.c_str(), &before) == 0;
  std::string fresh = file + ".XXXXXX";
  const int descriptor = ::mkostemp(fresh.data(), O_CLOEXEC);  // for its owner alone
  if (descriptor < 0) return fail();
  bool written = write_all(descriptor, text);
  if (was_there) {
    written = written && ::fchmod(descriptor, before.st_mode & 07777U) == 0;
    // Whoever could read it must still be able to; only root can give a file away.
    if (::fchown(descriptor, before.st_uid, before.st_gid) != 0 && before.st_uid != ::geteuid())
      written = false;
  }
  written = ::close(descriptor) == 0 && written;
  if (written && std::rename(fresh.c_str(), file.c_str()) == 0) return {};
  auto failed = fail();
  ::unlink(fresh.c_str());
  return failed;
}

}  // namespace saccade::access
