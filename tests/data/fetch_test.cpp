// Files and URLs read into memory, against a small HTTP server in this process that answers well or badly.
#include "data/fetch.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

#include "data/file.hpp"
#include "data_testing.hpp"
#include "hubel/dataset.hpp"

namespace hubel::test {
namespace {

// One accepted connection, its request already read.
class Connection {
 public:
  Connection(int socket, std::string requested, const std::atomic<bool>& stopping)
      : path(std::move(requested)), socket_(socket), stopping_(stopping) {}

  // False when the other side has gone.
  bool send(const std::string& text) const {
    return ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }
  // A whole answer.
  void answer(const std::string& status, const std::string& headers, const std::string& body) const {
    send("HTTP/1.1 " + status + "\r\n" + headers + "Content-Length: " + std::to_string(body.size()) +
         "\r\nConnection: close\r\n\r\n" + body);
  }
  // Nothing, until the server ends.
  void stall() const {
    while (!stopping_) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }

  const std::string path;

 private:
  int socket_;
  const std::atomic<bool>& stopping_;
};

// A server on 127.0.0.1 that answers one connection after another.
class Server {
 public:
  explicit Server(std::function<void(const Connection&)> answer) : answer_(std::move(answer)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 8) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::runtime_error("no server");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~Server() {
    stopping_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::string url(const std::string& path = "/") const { return "http://127.0.0.1:" + std::to_string(port_) + path; }

 private:
  void serve() {
    for (;;) {
      const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (socket < 0) return;
      std::string request;
      char buffer[1024];
      while (request.find("\r\n\r\n") == std::string::npos) {
        const ssize_t got = ::recv(socket, buffer, sizeof buffer, 0);
        if (got <= 0) break;
        request.append(buffer, static_cast<std::size_t>(got));
      }
      const std::size_t begin = request.find(' ') + 1;
      answer_(Connection(socket, request.substr(begin, request.find(' ', begin) - begin), stopping_));
      ::close(socket);
    }
  }

  std::function<void(const Connection&)> answer_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

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
