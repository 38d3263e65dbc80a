// Data sets by name: the cache, downloads with their checksums from a server in this process, and what is said when
// they cannot be had.
#include "data/cache.hpp"

#include <atomic>
#include <mutex>

#include "data/checksum.hpp"
#include "data/fetch.hpp"
#include "data_testing.hpp"
#include "http_server.hpp"
#include "hubel/dataset.hpp"

namespace hubel::test {
namespace {

using detail::NamedData;

// RFC 1321, appendix A.5.
TEST(Md5, IsThatOfTheStandard) {
  EXPECT_EQ(detail::md5({}), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(detail::md5(to_bytes("abc")), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(detail::md5(to_bytes("12345678901234567890123456789012345678901234567890123456789012345678901234567890")),
            "57edf4a22be3c955ac49da2e2107b67a");
}

TEST(Registry, EveryDataSetIsWhole) {
  EXPECT_EQ(dataset_names(), (std::vector<std::string>{"mnist", "fashion-mnist", "kmnist", "cifar10", "cifar100"}));
  for (const NamedData& data : detail::named_data()) {
    EXPECT_FALSE(data.files.empty());
    for (const detail::PublishedFile& file : data.files) {
      EXPECT_EQ(file.md5.size(), 32u);
      EXPECT_EQ(file.md5.find_first_not_of("0123456789abcdef"), std::string::npos);
    }
    EXPECT_FALSE(data.mirrors.empty());
    for (const std::string& mirror : data.mirrors) EXPECT_TRUE(mirror.starts_with("https://")) << mirror;
  }
  EXPECT_EQ(detail::find_named_data("imagenet"), nullptr);
}

// An environment of the test's own, in which the network is this process's server.
class Cache : public ::testing::Test {
 protected:
  Cache() : server_([this](const Connection& c) { answer(c); }) {
    setenv("no_proxy", "127.0.0.1", 1);
    setenv("XDG_CACHE_HOME", folder_.path().c_str(), 1);
    unsetenv("HUBEL_OFFLINE");
    data_ = {"tiny",
             {{"a.gz", detail::md5(to_bytes("one")), "a"}, {"b.gz", detail::md5(to_bytes("two")), "b"}},
             {server_.url("/first"), server_.url("/second")},
             {},
             "",
             "ask a friend"};
  }
  ~Cache() override {
    for (const char* name : {"XDG_CACHE_HOME", "HUBEL_OFFLINE", "HUBEL_MIRROR"}) unsetenv(name);
  }
  void answer(const Connection& c) {
    std::string body;
    {
      const std::scoped_lock lock(mutex_);
      asked_.push_back(c.path);
      const auto found = files_.find(c.path);
      if (found != files_.end()) body = found->second;
    }
    c.answer(body.empty() ? "404 Not Found" : "200 OK", "", body);
  }
  std::filesystem::path target() const { return std::filesystem::path(folder_.path()) / "hubel" / "tiny"; }
  std::string content(const std::string& name) const {
    std::ifstream in(target() / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::vector<std::string> in_target() const {
    std::vector<std::string> names;
    std::error_code error;
    for (std::filesystem::directory_iterator it(target(), error), end; !error && it != end; ++it) {
      names.push_back(it->path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  void fetch() { detail::fetch_files(target(), data_, limits_); }

  TemporaryFolder folder_;
  std::mutex mutex_;
  std::map<std::string, std::string> files_;
  std::vector<std::string> asked_;
  NamedData data_;
  ReadLimits limits_;
  Server server_;
};

TEST_F(Cache, FetchesWhatIsMissing) {
  files_ = {{"/first/a.gz", "one"}, {"/first/b.gz", "two"}};
  EXPECT_FALSE(detail::has_files(target(), data_));
  fetch();
  EXPECT_TRUE(detail::has_files(target(), data_));
  EXPECT_EQ(in_target(), (std::vector<std::string>{"a.gz", "b.gz"}));
  EXPECT_EQ(content("a.gz"), "one");
  EXPECT_EQ(content("b.gz"), "two");
  asked_.clear();
  std::filesystem::rename(target() / "a.gz", target() / "a");  // unpacked, it serves too
  std::filesystem::remove(target() / "b.gz");
  fetch();
  EXPECT_EQ(asked_, (std::vector<std::string>{"/first/b.gz"}));
}

TEST_F(Cache, GoesOnToTheNextMirror) {
  files_ = {{"/first/a.gz", "onE"}, {"/second/a.gz", "one"}, {"/second/b.gz", "two"}};
  fetch();
  EXPECT_EQ(content("a.gz"), "one");
  EXPECT_EQ(asked_, (std::vector<std::string>{"/first/a.gz", "/second/a.gz", "/first/b.gz", "/second/b.gz"}));
}

TEST_F(Cache, AsksTheUsersMirrorFirst) {
  files_ = {{"/own/tiny/a.gz", "one"}, {"/own/tiny/b.gz", "two"}};
  setenv("HUBEL_MIRROR", server_.url("/own").c_str(), 1);
  fetch();
  EXPECT_EQ(asked_, (std::vector<std::string>{"/own/tiny/a.gz", "/own/tiny/b.gz"}));
}

TEST_F(Cache, SaysWhatWasTriedAndWhatToPutWhere) {
  files_ = {{"/first/a.gz", "one"}, {"/first/b.gz", "wrong"}};
  EXPECT_TRUE(throws<IoError>(
      [&] { fetch(); }, {"tiny: ", server_.url("/first/b.gz"), "5 bytes have the MD5", detail::md5(to_bytes("two")),
                         server_.url("/second/b.gz"), "404", "put b.gz into " + target().string(), "or ask a friend"}));
  EXPECT_EQ(in_target(), (std::vector<std::string>{"a.gz"}));  // nothing half, nothing wrong
}

TEST_F(Cache, KeepsToTheLimits) {
  files_ = {{"/first/a.gz", std::string(2000, 'x')}};
  limits_.max_bytes = 1000;
  EXPECT_TRUE(throws<IoError>([&] { fetch(); }, {"limit of 1000 bytes"}));
  EXPECT_TRUE(in_target().empty());
}

TEST_F(Cache, StopsWhenAsked) {
  limits_.keep_going = [] { return false; };
  EXPECT_TRUE(throws<IoError>([&] { fetch(); }, {"/first/a.gz", "stopped"}));
  EXPECT_LE(asked_.size(), 1u);
}

TEST_F(Cache, OfflineAsksNobody) {
  setenv("HUBEL_OFFLINE", "1", 1);
  EXPECT_TRUE(throws<IoError>([&] { fetch(); }, {"tiny: not found", "HUBEL_OFFLINE", "put a.gz, b.gz into"}));
  EXPECT_TRUE(throws<IoError>([&] { load_dataset("cifar10"); },
                              {"cifar10: not found", "cifar-10-binary.tar.gz", folder_.path() + "/hubel/cifar10"}));
  EXPECT_TRUE(asked_.empty());
}

TEST_F(Cache, TellsWhenItCannotBeMade) {
  files_ = {{"/first/a.gz", "one"}};
  folder_.write("hubel", to_bytes("in the way"));
  EXPECT_TRUE(throws<IoError>([&] { fetch(); }, {target().string(), "cannot be made"}));
}

TEST_F(Cache, IsReadByName) {
  const std::filesystem::path folder = std::filesystem::path(folder_.path()) / "hubel" / "kmnist";
  std::filesystem::create_directories(folder);
  for (const char* part : {"train", "t10k"}) {
    folder_.write(std::string("hubel/kmnist/") + part + "-images-idx3-ubyte", idx({2, 1, 1}, Bytes(2)));
    folder_.write(std::string("hubel/kmnist/") + part + "-labels-idx1-ubyte.gz", gzipped(idx({2}, Bytes(2))));
  }
  const DatasetSplits splits = load_dataset("kmnist");
  EXPECT_EQ(splits.train.shape, (Shape{2, 1, 1, 1}));
  EXPECT_EQ(splits.source, folder.string());
  EXPECT_EQ(splits.train.classes, 10);
  EXPECT_EQ(splits.class_names[3], "tsu");
  EXPECT_TRUE(asked_.empty());
}

TEST_F(Cache, LiesWhereTheStandardSays) {
  EXPECT_EQ(detail::cache_folder("x"), folder_.path() + "/hubel/x");
  const std::string home = std::getenv("HOME") != nullptr ? std::getenv("HOME") : "";
  setenv("HOME", "/home/me", 1);
  for (const char* cache : {"", "relative"}) {
    setenv("XDG_CACHE_HOME", cache, 1);
    EXPECT_EQ(detail::cache_folder("x"), "/home/me/.cache/hubel/x");
  }
  unsetenv("HOME");
  EXPECT_TRUE(detail::cache_folder("x").empty());
  EXPECT_TRUE(throws<IoError>([] { load_dataset("cifar10"); }, {"cifar10: not found", "XDG_CACHE_HOME"}));
  setenv("HOME", home.c_str(), 1);
}

}  // namespace
}  // namespace hubel::test
