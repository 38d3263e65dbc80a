// A URL read into memory. Nothing is saved.
#pragma once

#include <string>

#include "data/bytes.hpp"
#include "hubel/errors.hpp"
#include "hubel/npz.hpp"

namespace hubel::detail {

// A download that was ended by ReadLimits::keep_going: another source need not be asked.
struct Stopped : IoError {
  using IoError::IoError;
};

// Whether the environment's HUBEL_OFFLINE forbids to touch the network: it is set, and neither empty nor 0.
bool is_offline();

// Whether `where` is an http:// or https:// URL. Throws IoError for a URL of another kind.
bool is_url(const std::string& where);

// A path or URL as messages show it: a URL without a user name and password.
std::string name_for_messages(const std::string& where);

// The body that an http(s) URL answers with. Redirects are followed, to http(s) only. Proxies are taken from the
// environment, as curl does. Throws IoError for anything but a whole answer within the limits, and when is_offline().
Bytes fetch_url(const std::string& url, const ReadLimits& limits);

// The bytes of a file or an http(s) URL.
Bytes read_file_or_url(const std::string& where, const ReadLimits& limits);

}  // namespace hubel::detail
