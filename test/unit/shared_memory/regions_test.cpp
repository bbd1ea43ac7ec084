#include "shared_memory/regions.h"

#include <array>
#include <atomic>
#include <cstring>
#include <fcntl.h>
#include <limits>
#include <sys/mman.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

namespace saccade::shared_memory {
namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

// Shared memory that a client made, gone at the end of the test.
class Memory {
 public:
  explicit Memory(std::size_t size, const std::string& name = "") {
    static std::atomic<int> count{0};
    key_ = name.empty() ? "/saccade_test_" + std::to_string(getpid()) + "_" + std::to_string(count++) : name;
    descriptor_ = shm_open(key_.c_str(), O_CREAT | O_EXCL | O_RDWR, 0600);
    EXPECT_GE(descriptor_, 0) << std::strerror(errno);
    resize(size);
  }
  ~Memory() {
    close(descriptor_);
    shm_unlink(key_.c_str());
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  void resize(std::size_t size) const { EXPECT_EQ(ftruncate(descriptor_, static_cast<off_t>(size)), 0); }
  void put(std::size_t offset, std::string_view text) const {
    EXPECT_EQ(pwrite(descriptor_, text.data(), text.size(), static_cast<off_t>(offset)),
              static_cast<ssize_t>(text.size()));
  }
  std::string get(std::size_t offset, std::size_t size) const {
    std::string text(size, '\0');
    const auto got = pread(descriptor_, text.data(), size, static_cast<off_t>(offset));
    text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return text;
  }
  std::size_t size() const {
    struct stat status{};
    EXPECT_EQ(fstat(descriptor_, &status), 0);
    return static_cast<std::size_t>(status.st_size);
  }
  const std::string& key() const { return key_; }

 private:
  std::string key_;
  int descriptor_ = -1;
};

base::Result<std::string> read(const Regions& regions, const request::RegionSlice& slice) {
  std::string text(slice.byte_size, '\0');
  const auto status = regions.read(slice, std::as_writable_bytes(std::span(text)));
  if (!status) return std::unexpected(status.error());
  return text;
}

base::Status write(const Regions& regions, const request::RegionSlice& slice, std::string_view text) {
  return regions.write(slice, std::as_bytes(std::span(text)));
}

void expect_refused(const base::Status& status, std::string_view part) {
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, base::Code::kInvalidArgument);
  EXPECT_NE(status.error().message.find(part), std::string::npos) << status.error().message;
}

TEST(Regions, ReadsAndWritesWhereTheRegionLies) {
  const Memory memory(64);
  memory.put(16, "sixteen bytes in");
  Regions regions;
  ASSERT_TRUE(regions.add({"part", memory.key(), 16, 32}));

  EXPECT_EQ(read(regions, {"part", 0, 7}).value(), "sixteen");
  EXPECT_EQ(read(regions, {"part", 8, 5}).value(), "bytes");
  ASSERT_TRUE(write(regions, {"part", 28, 4}, "ends"));
  EXPECT_EQ(memory.get(44, 4), "ends");
  ASSERT_TRUE(write(regions, {"part", 0, 32}, "short"));  // less than the slice offers
  EXPECT_EQ(memory.get(16, 9), "shorten b");
}

TEST(Regions, TakesAKeyWithAndWithoutItsSlash) {
  const Memory memory(8);
  Regions regions;
  EXPECT_TRUE(regions.add({"a", memory.key(), 0, 8}));
  EXPECT_TRUE(regions.add({"b", memory.key().substr(1), 0, 8}));
  ASSERT_EQ(regions.list("")->size(), 2U);
  EXPECT_EQ(regions.list("b")->front().key, memory.key().substr(1));  // as it was given
}

TEST(Regions, RefusesKeysThatAreNoNames) {
  Regions regions;
  using namespace std::string_literals;
  for (const std::string& key : {""s, "/"s, "//x"s, "/../../etc/passwd"s, "a/b"s, "/a/"s, "."s, "/.."s,
                                 "nul\0x"s, std::string(256, 'k')}) {
    expect_refused(regions.add({"region", key, 0, 1}), "no name of shared memory");
  }
  expect_refused(regions.add({"region", "/saccade_test_nobody", 0, 1}),
                 "Unable to open shared memory region");
  expect_refused(regions.add({"", "/key", 0, 1}), "1 to 255 bytes");
  expect_refused(regions.add({std::string(256, 'n'), "/key", 0, 1}), "1 to 255 bytes");
  EXPECT_TRUE(regions.list("")->empty());
}

TEST(Regions, MessagesStayOnOneLine) {
  Regions regions;
  const auto status = regions.add({"region", "a/\n\rforged " + std::string(10'000, 'x'), 0, 1});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message.find('\n'), std::string::npos);
  EXPECT_LT(status.error().message.size(), 400U);
}

TEST(Regions, RefusesSizesBeyondTheMemory) {
  const Memory memory(64);
  Regions regions;
  expect_refused(regions.add({"r", memory.key(), 0, 65}), "beyond the 64 bytes");
  expect_refused(regions.add({"r", memory.key(), 64, 1}), "beyond");
  expect_refused(regions.add({"r", memory.key(), 65, 0}), "empty");
  expect_refused(regions.add({"r", memory.key(), 0, 0}), "empty");
  expect_refused(regions.add({"r", memory.key(), 32, 33}), "beyond");
  expect_refused(regions.add({"r", memory.key(), kMost - 31, 64}), "beyond");  // the sum is 32
  expect_refused(regions.add({"r", memory.key(), 1, kMost}), "beyond");
  EXPECT_TRUE(regions.add({"r", memory.key(), 63, 1}));
}

TEST(Regions, RefusesSlicesBeyondTheRegion) {
  const Memory memory(64);
  Regions regions;
  ASSERT_TRUE(regions.add({"r", memory.key(), 16, 32}));
  std::array<std::byte, 8> into{};
  for (const request::RegionSlice& slice : {request::RegionSlice{"r", 32, 1},
                                            {"r", 25, 8},
                                            {"r", kMost - 7, 8},
                                            {"r", kMost, 1},
                                            {"r", 8, kMost - 4}}) {
    expect_refused(regions.read(slice, std::span(into).first(1)),
                   "Invalid offset + byte size for shared memory region: 'r'");
    expect_refused(regions.write(slice, std::span(into).first(1)),
                   "Invalid offset + byte size for shared memory region: 'r'");
  }
  expect_refused(regions.read({"r", 0, 4}, into), "8 bytes were to be read out of 4");
  expect_refused(regions.write({"r", 0, 4}, into), "8 bytes don't fit into the 4");
  const auto unknown = regions.read({"nobody", 0, 8}, into);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, base::Code::kNotFound);
  EXPECT_EQ(unknown.error().message, "Unable to find shared memory region: 'nobody'");
  EXPECT_TRUE(regions.read({"r", 32, 0}, {}));  // nothing, at the very end
}

TEST(Regions, ARegionThatHasShrunkIsAnErrorAndIsNotGrown) {
  const Memory memory(64);
  Regions regions;
  ASSERT_TRUE(regions.add({"r", memory.key(), 0, 64}));
  memory.put(0, "still here");
  memory.resize(16);

  EXPECT_EQ(read(regions, {"r", 0, 10}).value(), "still here");
  const auto past = read(regions, {"r", 8, 16});
  ASSERT_FALSE(past);
  EXPECT_EQ(past.error().code, base::Code::kInvalidArgument);
  EXPECT_NE(past.error().message.find("smaller than it was"), std::string::npos);
  expect_refused(write(regions, {"r", 32, 4}, "late"), "smaller than it was");
  expect_refused(write(regions, {"r", 14, 4}, "late"), "smaller than it was");
  EXPECT_EQ(memory.size(), 16U);
  EXPECT_EQ(memory.get(14, 2), std::string(2, '\0'));  // nothing of it was written

  memory.resize(64);  // grown again: as before
  EXPECT_TRUE(write(regions, {"r", 32, 4}, "back"));
}

TEST(Regions, ANameIsTakenUntilItIsRemoved) {
  const Memory memory(8);
  const Memory other(8);
  Regions regions;
  ASSERT_TRUE(regions.add({"r", memory.key(), 0, 8}));
  expect_refused(regions.add({"r", other.key(), 0, 8}), "already");
  EXPECT_EQ(regions.list("r")->front().key, memory.key());
  regions.remove("r");
  regions.remove("r");  // no error
  EXPECT_EQ(regions.list("r").error().code, base::Code::kNotFound);
  EXPECT_TRUE(regions.add({"r", other.key(), 0, 8}));
  EXPECT_TRUE(regions.add({"a", other.key(), 0, 8}));
  EXPECT_EQ(regions.list("")->front().name, "a");  // by name
  regions.remove_all();
  EXPECT_TRUE(regions.list("")->empty());
}

TEST(Regions, OutlivesItsName) {
  Regions regions;
  {
    const Memory memory(8);
    memory.put(0, "unlinked");
    ASSERT_TRUE(regions.add({"r", memory.key(), 0, 8}));
  }
  EXPECT_EQ(read(regions, {"r", 0, 8}).value(), "unlinked");
}

TEST(Regions, ThereIsAMost) {
  const Memory memory(8);
  Regions regions;
  int added = 0;
  base::Status status;
  while (added < 5000 && (status = regions.add({"r" + std::to_string(added), memory.key(), 0, 8}))) ++added;
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, base::Code::kUnavailable);
  EXPECT_GE(added, 64);
  EXPECT_LE(added, 1024);
  regions.remove("r0");
  EXPECT_TRUE(regions.add({"again", memory.key(), 0, 8}));  // and those that failed hold nothing
}

TEST(Regions, RemovingWhileOthersReadIsSafe) {
  const Memory memory(4096);
  const std::string content(4096, 'c');
  memory.put(0, content);
  Regions regions;
  std::atomic<bool> end{false};
  std::atomic<int> whole{0};
  std::atomic<int> wrong{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      while (!end) {
        const auto got = read(regions, {"r", 0, 4096});
        if (got && *got == content) {
          ++whole;
        } else if (got || got.error().message.find("Unable to find") == std::string::npos) {
          ++wrong;
        }
      }
    });
  }
  // One thread adds and two remove, until both ways of the race have been seen.
  std::thread remover([&] {
    while (!end) regions.remove("r");
  });
  for (int round = 0; round < 200 || whole == 0; ++round) {
    (void)regions.add({"r", memory.key(), 0, 4096});
    (void)regions.list("");
    std::this_thread::yield();
    if (round % 3 == 0) regions.remove_all();
  }
  end = true;
  for (auto& reader : readers) reader.join();
  remover.join();
  EXPECT_GT(whole, 0);
  EXPECT_EQ(wrong, 0);
}

TEST(Regions, ShrinkingWhileOthersReadAndWriteIsSafe) {
  const Memory memory(1 << 16);
  Regions regions;
  ASSERT_TRUE(regions.add({"r", memory.key(), 0, 1 << 16}));
  std::atomic<bool> end{false};
  std::atomic<int> errors{0};
  std::thread reader([&] {
    std::vector<std::byte> into(1 << 16);
    while (!end) {
      if (!regions.read({"r", 0, 1 << 16}, into)) ++errors;
    }
  });
  std::thread writer([&] {
    const std::vector<std::byte> from(1 << 16);
    while (!end) {
      if (!regions.write({"r", 0, 1 << 16}, from)) ++errors;
    }
  });
  for (int round = 0; round < 100 || errors == 0; ++round) {
    memory.resize(100);
    std::this_thread::yield();
    memory.resize(1 << 16);
  }
  end = true;
  reader.join();
  writer.join();
  EXPECT_GT(errors, 0);
}

}  // namespace
}  // namespace saccade::shared_memory
