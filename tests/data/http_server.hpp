// A small HTTP server in the test's own process, that answers well or badly.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace hubel::test {

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

}  // namespace hubel::test
