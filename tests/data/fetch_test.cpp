// Files and URLs read into memory, against a small HTTP server in this process that answers well or badly.
#include "data/fetch.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "data/file.hpp"
#include "data_testing.hpp"
#include "http_server.hpp"
#include "hubel/dataset.hpp"

namespace hubel::test {
namespace {

const Bytes kNpz = zip({{"X_test.npy", npy("|u1", "(2, 1, 1)", elements<std::uint8_t>({0, 255})), 8},
                        {"Y_test.npy", npy("|u1", "(2,)", elements<std::uint8_t>({0, 1})), 8}});
const std::string kNpzText(reinterpret_cast<const char*>(kNpz.data()), kNpz.size());

// Runs in an empty working folder, and checks that nothing was saved into it. A proxy of the environment is not asked.
class Fetch : public ::testing::Test {
 protected:
  Fetch() : home_(std::filesystem::current_path()) {
    std::filesystem::current_path(folder_.path());
    setenv("no_proxy", "127.0.0.1", 1);
  }
  ~Fetch() override {
    EXPECT_TRUE(std::filesystem::is_empty(folder_.path())) << "something was saved";
    std::filesystem::current_path(home_);
  }
  ::testing::AssertionResult refuses(const std::string& url, std::vector<std::string> parts) {
    parts.push_back(url);
    return throws<IoError>([&] { load_npz(url, limits_); }, parts);
  }
  ReadLimits limits_;

 private:
  std::filesystem::path home_;
  TemporaryFolder folder_;
};

TEST_F(Fetch, ReadsIntoMemory) {
  const Server server([](const Connection& c) { c.answer("200 OK", "", kNpzText); });
  EXPECT_EQ(load_npz(server.url("/MNIST.npz"), limits_).size(), 2u);
  const DatasetSplits splits = load_dataset(server.url("/MNIST.npz?raw=true"), limits_);
  EXPECT_EQ(splits.test.labels, (std::vector<std::int32_t>{0, 1}));
  EXPECT_EQ(splits.source, server.url("/MNIST.npz?raw=true"));
}

TEST_F(Fetch, ReadsAnAnswerOfUntoldLength) {
  const Server server([](const Connection& c) {
    if (c.path == "/closed") {
      c.send("HTTP/1.0 200 OK\r\n\r\n" + kNpzText);
      return;
    }
    c.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
    for (const char byte : kNpzText) c.send(std::string("1\r\n") + byte + "\r\n");
    c.send("0\r\n\r\n");
  });
  EXPECT_EQ(load_npz(server.url("/chunked"), limits_).size(), 2u);
  EXPECT_EQ(load_npz(server.url("/closed"), limits_).size(), 2u);
}

TEST_F(Fetch, FollowsRedirectsOverHttpOnly) {
  const Server server([](const Connection& c) {
    if (c.path == "/ok") return c.answer("200 OK", "", kNpzText);
    if (c.path == "/moved") return c.answer("302 Found", "Location: /ok\r\n", "a body that is not the file");
    if (c.path == "/loop") return c.answer("301 Moved Permanently", "Location: /loop\r\n", "");
    c.answer("302 Found", "Location: file:///etc/hostname\r\n", "");
  });
  EXPECT_EQ(load_npz(server.url("/moved"), limits_).size(), 2u);
  EXPECT_TRUE(refuses(server.url("/loop"), {"redirects"}));
  EXPECT_TRUE(refuses(server.url("/file"), {"file"}));
  limits_.max_redirects = 0;
  EXPECT_TRUE(refuses(server.url("/moved"), {"redirects"}));
}

TEST_F(Fetch, TellsTheServersStatus) {
  const Server server([](const Connection& c) {
    c.answer(c.path == "/gone" ? "404 Not Found" : "503 Service Unavailable", "", "<html>sorry</html>");
  });
  EXPECT_TRUE(refuses(server.url("/gone"), {"404", "not found"}));
  EXPECT_TRUE(refuses(server.url("/busy"), {"503"}));
}

TEST_F(Fetch, AWebPageIsNoArchive) {
  const Server server([](const Connection& c) { c.answer("200 OK", "", "<html>log in first</html>"); });
  EXPECT_TRUE(throws<FormatError>([&] { load_npz(server.url(), limits_); }, {server.url(), "web page"}));
}

TEST_F(Fetch, RefusesATruncatedAnswer) {
  const Server server([](const Connection& c) {
    if (c.path == "/chunked") {
      c.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nabc");
    } else if (c.path == "/told") {
      c.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc");
    }  // else nothing at all
  });
  EXPECT_TRUE(refuses(server.url("/told"), {"ended after 3 bytes"}));
  EXPECT_TRUE(refuses(server.url("/chunked"), {}));
  EXPECT_TRUE(refuses(server.url("/nothing"), {}));
}

TEST_F(Fetch, RefusesWhatIsLargerThanTheLimit) {
  std::atomic<long> sent = 0;
  const Server server([&](const Connection& c) {
    if (c.path == "/told") {
      c.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n");
      return c.stall();
    }
    c.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    const std::string chunk = "400\r\n" + std::string(1024, 'x') + "\r\n";
    while (c.send(chunk)) sent += 1024;  // until the other side has had enough
  });
  limits_.max_bytes = 1000000;
  limits_.stall_timeout_s = 600;  // were it waited for, the test would be too late
  EXPECT_TRUE(refuses(server.url("/endless"), {"limit of 1000000 bytes"}));
  EXPECT_TRUE(refuses(server.url("/told"), {"limit of 1000000 bytes"}));
  EXPECT_LT(sent, 20000000);  // the sockets' buffers hold some megabytes
}

TEST_F(Fetch, GivesUpOnAServerThatStalls) {
  limits_.stall_timeout_s = 1;
  const Server server([](const Connection& c) {
    if (c.path == "/silent") return c.stall();
    c.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    if (c.path == "/stuck") return c.stall();
    while (c.send("x")) std::this_thread::sleep_for(std::chrono::milliseconds(100));  // a trickle
  });
  const auto begin = std::chrono::steady_clock::now();
  for (const char* path : {"/silent", "/stuck", "/trickle"}) EXPECT_TRUE(refuses(server.url(path), {}));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

TEST_F(Fetch, EndsWhenAsked) {
  const Server server([](const Connection& c) { c.stall(); });
  limits_.stall_timeout_s = 600;  // were it waited for, the test would be too late
  int asked = 0;
  limits_.keep_going = [&] { return ++asked < 3; };
  EXPECT_TRUE(refuses(server.url("/"), {"stopped"}));
  EXPECT_EQ(asked, 3);
}

TEST_F(Fetch, TellsWhenNobodyAnswers) {
  std::string url;
  {
    const Server server([](const Connection&) {});
    url = server.url();
  }
  EXPECT_TRUE(refuses(url, {"onnect"}));
  EXPECT_TRUE(refuses("http://", {}));
  EXPECT_TRUE(refuses("http://no-such-host.invalid/x.npz", {}));
  EXPECT_TRUE(throws<IoError>([] { detail::fetch_url(std::string("http://127.0.0.1/\0x", 19), {}); }, {"zero byte"}));
}

TEST_F(Fetch, MessagesHaveNoPassword) {
  const Server server([](const Connection& c) { c.answer("404 Not Found", "", ""); });
  std::string url = server.url("/x@y");
  url.insert(url.find("127"), "me:secret@");
  EXPECT_TRUE(refuses(url, {}) == false);  // the URL as it was given is not in the message
  EXPECT_TRUE(throws<IoError>([&] { load_npz(url, limits_); }, {server.url("/x@y") + ": ", "404"}));
}

TEST_F(Fetch, ThreadsFetchAtOnce) {
  const Server server([](const Connection& c) { c.answer("200 OK", "", kNpzText); });
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { right += detail::fetch_url(server.url(), limits_) == kNpz ? 1 : 0; });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 4);
}

TEST(ReadFile, ReadsWholeFilesOfAnySize) {
  const TemporaryFolder folder;
  for (const std::size_t size : {0, 1, 4095, 4096, 4097, 100000}) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * i);
    EXPECT_EQ(detail::read_file(folder.write("file", bytes), size), bytes);
  }
  EXPECT_FALSE(detail::read_file("/proc/self/status", 100000).empty());  // a file that tells no size
}

TEST(ReadFile, TellsWhatCannotBeRead) {
  const TemporaryFolder folder;
  const auto refuses = [](const std::string& path, std::vector<std::string> parts) {
    parts.push_back(path);
    return throws<IoError>([&] { detail::read_file(path, 10); }, parts);
  };
  const std::string pipe = folder.path() + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_TRUE(refuses(folder.path() + "/nothing", {"No such file"}));
  EXPECT_TRUE(refuses(folder.path(), {"folder"}));
  EXPECT_TRUE(refuses(pipe, {"not a regular file"}));
  EXPECT_TRUE(refuses("/dev/zero", {"not a regular file"}));
  EXPECT_TRUE(refuses(folder.write("large", Bytes(11)), {"limit of 10 bytes"}));
  EXPECT_TRUE(refuses("/proc/self/status", {"limit of 10 bytes"}));
  EXPECT_TRUE(throws<IoError>([] { detail::read_file(std::string("a\0b", 3), 10); }, {"zero byte"}));
  if (::geteuid() != 0) {  // root may read everything
    const std::string secret = folder.write("secret", Bytes(1));
    ::chmod(secret.c_str(), 0);
    EXPECT_TRUE(refuses(secret, {"ermission"}));
  }
}

TEST_F(Fetch, TellsHowFarItIs) {
  const Server server([](const Connection& c) { c.answer("200 OK", "", kNpzText); });
  std::vector<DownloadProgress> seen;
  limits_.on_download = [&](const DownloadProgress& progress) { seen.push_back(progress); };
  load_npz(server.url("/x.npz"), limits_);
  ASSERT_FALSE(seen.empty());
  EXPECT_EQ(seen.back().url, server.url("/x.npz"));
  EXPECT_EQ(seen.back().all_bytes, kNpz.size());
  EXPECT_EQ(seen.back().bytes, kNpz.size());
}

TEST_F(Fetch, StaysOfflineWhenTold) {
  int asked = 0;
  const Server server([&](const Connection& c) {
    ++asked;
    c.answer("200 OK", "", kNpzText);
  });
  for (const char* offline : {"1", "yes"}) {
    setenv("HUBEL_OFFLINE", offline, 1);
    EXPECT_TRUE(refuses(server.url("/x.npz"), {"HUBEL_OFFLINE"}));
  }
  EXPECT_EQ(asked, 0);
  for (const char* online : {"0", ""}) {
    setenv("HUBEL_OFFLINE", online, 1);
    EXPECT_EQ(load_npz(server.url("/x.npz"), limits_).size(), 2u);
  }
  unsetenv("HUBEL_OFFLINE");
}

TEST(IsUrl, KnowsHttpAndRefusesOtherSchemes) {
  EXPECT_TRUE(detail::is_url("http://x/y"));
  EXPECT_TRUE(detail::is_url("HTTPS://x"));
  EXPECT_FALSE(detail::is_url("data.npz"));
  EXPECT_FALSE(detail::is_url("/tmp/a://b"));
  EXPECT_FALSE(detail::is_url("://x"));
  EXPECT_TRUE(throws<IoError>([] { detail::is_url("file:///etc/passwd"); }, {"file:///etc/passwd", "http://"}));
}

}  // namespace
}  // namespace hubel::test
