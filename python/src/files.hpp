// Reading and writing files on Python's behalf: with the GIL released, and a missing file told apart from an unreadable
// one, as Python does.
#pragma once

#include <nanobind/nanobind.h>

#include <cstring>
#include <filesystem>
#include <string>

#include "hubel/errors.hpp"

namespace hubel::python {

namespace nb = nanobind;

// A path as the file system has it: Python's os.fsencode made the bytes. A URL is ASCII. Neither may hold a NUL, at
// which the system would cut it off.
inline std::string path_of(const nb::bytes& path) {
  std::string text(path.c_str(), path.size());
  if (text.find('\0') != std::string::npos) throw IoError("the path has a NUL character in it");
  return text;
}

// Sets Python's error indicator to `type` with a message whose file names may not be UTF-8.
inline void set_error(PyObject* type, const char* message) {
  nb::object text = nb::steal(PyUnicode_DecodeUTF8(message, static_cast<Py_ssize_t>(std::strlen(message)), "replace"));
  if (text.is_valid()) PyErr_SetObject(type, text.ptr());
}

// action() with the GIL released. An IoError while `needed`, a path, is not there becomes FileNotFoundError, which is
// an OSError as any other IoError is.
template <class Action>
auto on_file(const std::string& needed, const Action& action) {
  try {
    nb::gil_scoped_release release;
    return action();
  } catch (const IoError& e) {
    std::error_code ignored;
    const bool url = needed.find("://") != std::string::npos;
    if (url || std::filesystem::exists(needed, ignored)) throw;
    set_error(PyExc_FileNotFoundError, e.what());
    throw nb::python_error();
  }
}

}  // namespace hubel::python
