// A URL read into memory with libcurl.
#include "data/fetch.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <memory>
#include <new>
#include <string_view>

#include "data/file.hpp"
#include "hubel/errors.hpp"
#include "text/formatted.hpp"

namespace hubel::detail {
namespace {

// Below this an answer is a trickle that would hold a caller for ever, not a slow line (a modem had four times as
// much).
constexpr long kStalledBytesPerSecond = 1000;

struct Download {
  CURL* easy = nullptr;
  const ReadLimits& limits;
  DownloadProgress progress;
  Bytes body;
  enum class Stop { kNo, kTooLarge, kNoMemory, kAsked } stop = Stop::kNo;
};

// Called from C, which an exception must not cross: a refusal is noted, and anything but n ends the download.
std::size_t receive(char* data, std::size_t, std::size_t n, void* user) noexcept {
  auto& download = *static_cast<Download*>(user);
  Bytes& body = download.body;
  if (n > download.limits.max_bytes - body.size()) {
    download.stop = Download::Stop::kTooLarge;
    return 0;
  }
  try {
    curl_off_t promised = 0;
    if (body.empty() && curl_easy_getinfo(download.easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &promised) == CURLE_OK) {
      // Reserving touches no memory, so that a promise costs nothing until it is kept.
      body.reserve(std::min(static_cast<std::size_t>(std::max<curl_off_t>(promised, 0)), download.limits.max_bytes));
    }
    // Never beyond the limit, which doubling might go far over.
    if (body.size() + n > body.capacity())
      body.reserve(std::min(std::max(2 * body.capacity(), body.size() + n), download.limits.max_bytes));
    const auto* bytes = reinterpret_cast<const std::byte*>(data);
    body.insert(body.end(), bytes, bytes + n);
  } catch (const std::bad_alloc&) {
    download.stop = Download::Stop::kNoMemory;
    return 0;
  }
  return n;
}

// Called from C; anything but 0 ends the download.
int progress(void* user, curl_off_t all, curl_off_t, curl_off_t, curl_off_t) noexcept {
  auto& download = *static_cast<Download*>(user);
  if (download.limits.on_download) {
    download.progress.bytes = download.body.size();
    download.progress.all_bytes = static_cast<std::size_t>(std::max<curl_off_t>(all, 0));
    download.limits.on_download(download.progress);
  }
  if (!download.limits.keep_going || download.limits.keep_going()) return 0;
  download.stop = Download::Stop::kAsked;
  return 1;
}

void restrict_protocols(CURL* easy) {
#if CURL_AT_LEAST_VERSION(7, 85, 0)
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
#else
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS, long{CURLPROTO_HTTP | CURLPROTO_HTTPS});
  curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS, long{CURLPROTO_HTTP | CURLPROTO_HTTPS});
#endif
}

void set_options(CURL* easy, const std::string& url, const ReadLimits& limits, char* error_text, Download& download) {
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_text);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);  // threads
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "hubel");
  curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(easy, CURLOPT_MAXREDIRS, std::max(limits.max_redirects, 0L));
  restrict_protocols(easy);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, limits.connect_timeout_s);
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, kStalledBytesPerSecond);
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, limits.stall_timeout_s);
  curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(limits.max_bytes));
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, receive);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &download);
  curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, progress);
  curl_easy_setopt(easy, CURLOPT_XFERINFODATA, &download);
}

// Throws what a download that ended with `code` is to be told as.
[[noreturn]] void fail(const Download& download, CURLcode code, const std::string& url, const char* error_text) {
  const std::string name = name_for_messages(url);
  if (download.stop == Download::Stop::kAsked) throw Stopped(detail::formatted("{}: the download was stopped", name));
  if (download.stop == Download::Stop::kNoMemory)
    throw IoError(detail::formatted("{}: not enough memory for it", name));
  if (download.stop == Download::Stop::kTooLarge || code == CURLE_FILESIZE_EXCEEDED) {
    throw IoError(detail::formatted("{}: is larger than the limit of {} bytes", name, download.limits.max_bytes));
  }
  if (code == CURLE_HTTP_RETURNED_ERROR) {
    long status = 0;
    curl_easy_getinfo(download.easy, CURLINFO_RESPONSE_CODE, &status);
    throw IoError(detail::formatted("{}: the server answered with status {}{}", name, status,
                                    status == 404 ? " (not found)" : ""));
  }
  if (code == CURLE_PARTIAL_FILE) {
    throw IoError(detail::formatted("{}: the answer ended after {} bytes, before its end", name, download.body.size()));
  }
  throw IoError(
      detail::formatted("{}: {}", name, printable(error_text[0] != '\0' ? error_text : curl_easy_strerror(code))));
}

}  // namespace

bool is_offline() {
  const char* offline = std::getenv("HUBEL_OFFLINE");
  return offline != nullptr && *offline != '\0' && std::string_view(offline) != "0";
}

std::string name_for_messages(const std::string& where) {
  const std::size_t colon = where.find("://");
  if (colon == std::string::npos) return where;
  const std::size_t host = colon + 3;
  const std::size_t end = std::min(where.find_first_of("/?#", host), where.size());
  const std::size_t at = where.rfind('@', end);
  return at == std::string::npos || at < host ? where : where.substr(0, host) + where.substr(at + 1);
}

bool is_url(const std::string& where) {
  const std::size_t colon = where.find("://");
  if (colon == std::string::npos || colon == 0) return false;
  std::string scheme = where.substr(0, colon);
  for (char& c : scheme) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && std::string_view("+-.").find(c) == std::string_view::npos) {
      return false;  // a path that happens to have "://" in it
    }
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  if (scheme == "http" || scheme == "https") return true;
  throw IoError(detail::formatted("{}: URLs must begin with http:// or https://", name_for_messages(where)));
}

Bytes fetch_url(const std::string& url, const ReadLimits& limits) {
  if (is_offline()) {
    throw IoError(detail::formatted("{}: is not fetched, since HUBEL_OFFLINE is set", name_for_messages(url)));
  }
  if (url.find('\0') != std::string::npos) throw IoError(detail::formatted("{}: a zero byte in a URL", printable(url)));
  static const CURLcode global = curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> easy(curl_easy_init(), &curl_easy_cleanup);
  if (global != CURLE_OK || !easy)
    throw IoError(detail::formatted("{}: libcurl cannot be started", name_for_messages(url)));

  char error_text[CURL_ERROR_SIZE] = "";
  Download download{easy.get(), limits, {name_for_messages(url)}, {}};
  set_options(easy.get(), url, limits, error_text, download);
  const CURLcode code = curl_easy_perform(easy.get());
  if (code != CURLE_OK) fail(download, code, url, error_text);
  return std::move(download.body);
}

Bytes read_file_or_url(const std::string& where, const ReadLimits& limits) {
  return is_url(where) ? fetch_url(where, limits) : read_file(where, limits.max_bytes);
}

}  // namespace hubel::detail
