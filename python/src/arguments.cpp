// Arguments from Python: see arguments.hpp.
#include "arguments.hpp"

#include "text/formatted.hpp"

namespace hubel::python {

namespace {

// Longer texts are cut in messages, and where one of Hubel's own names is wanted: none comes near it.
constexpr Py_ssize_t kMaxText = 60;
// Names that users give, patterns of them and options behind a colon: a milestone for each of a thousand epochs fits.
constexpr Py_ssize_t kMaxFreeText = 10'000;

std::string type_text(nb::handle value) { return Py_TYPE(value.ptr())->tp_name; }

// Text as UTF-8, cut to so many characters; what UTF-8 cannot say (lone surrogates) is escaped.
std::string clipped(nb::handle str, Py_ssize_t most = kMaxText) {
  const bool cut = PyUnicode_GetLength(str.ptr()) > most;
  nb::object part = cut ? nb::steal(PyUnicode_Substring(str.ptr(), 0, most)) : nb::borrow(str);
  if (!part.is_valid()) throw nb::python_error();
  nb::object bytes = nb::steal(PyUnicode_AsEncodedString(part.ptr(), "utf-8", "backslashreplace"));
  if (!bytes.is_valid()) throw nb::python_error();
  return std::string(PyBytes_AS_STRING(bytes.ptr()), static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.ptr()))) +
         (cut ? "..." : "");
}

bool is_bool(nb::handle value) { return PyBool_Check(value.ptr()) || PyArray_IsScalar(value.ptr(), Bool); }

bool has_axes(nb::handle value) { return PyArray_Check(value.ptr()) && PyArray_NDIM(as_array(value)) > 0; }

// A tuple of the elements of a tuple, list or array of at least one axis; not set for anything else. A list is copied,
// since an element's __index__ may change it.
nb::object elements(nb::handle value) {
  if (PyTuple_Check(value.ptr())) return nb::borrow(value);
  if (!PyList_Check(value.ptr()) && !has_axes(value)) return {};
  nb::object list = has_axes(value) ? nb::object(value.attr("tolist")()) : nb::borrow(value);
  nb::object tuple = nb::steal(PySequence_Tuple(list.ptr()));
  if (!tuple.is_valid()) throw nb::python_error();
  return tuple;
}

[[noreturn]] void raise_length_error(const Context& context, Py_ssize_t length) {
  throw nb::value_error(detail::formatted("{}: {} has {} {}, it must be {}", context.who, context.name, length,
                                          length == 1 ? "element" : "elements", context.wanted)
                            .c_str());
}

std::array<std::int64_t, 2> pair_of(const Context& context, nb::handle tuple) {
  if (PyTuple_GET_SIZE(tuple.ptr()) != 2) raise_length_error(context, PyTuple_GET_SIZE(tuple.ptr()));
  return {integer(context, PyTuple_GET_ITEM(tuple.ptr(), 0)), integer(context, PyTuple_GET_ITEM(tuple.ptr(), 1))};
}

// NumPy's subclasses whose meaning is more than their elements.
void refuse_special_subclass(const char* who, const char* name, nb::handle value) {
  nb::module_ numpy = nb::module_::import_("numpy");
  for (const char* special : {"MaskedArray", "matrix"}) {
    nb::object type = special[0] == 'M' ? numpy.attr("ma").attr(special) : numpy.attr(special);
    if (nb::isinstance(value, type)) {
      throw nb::type_error(
          detail::formatted("{}: {} must be a plain numpy.ndarray, got a {}", who, name, type_text(value)).c_str());
    }
  }
}

Shape shape_of(const char* who, const Arrays::Argument& argument) {
  PyArrayObject* array = as_array(argument.value);
  const int rank = PyArray_NDIM(array);
  if (rank > static_cast<int>(Shape::kMaxRank)) {
    throw nb::value_error(
        detail::formatted("{}: {} has {} axes, it must be {}", who, argument.name, rank, argument.shape).c_str());
  }
  std::int64_t extents[Shape::kMaxRank];
  for (int i = 0; i < rank; ++i) extents[i] = PyArray_DIM(array, i);
  return Shape(std::span<const std::int64_t>(extents, static_cast<std::size_t>(rank)));
}

// `array` itself when its elements can be used where they lie, else a copy of the wanted type.
nb::object usable_array(nb::handle value, int type) {
  PyArrayObject* array = as_array(value);
  if (PyArray_TYPE(array) == type && PyArray_ISCARRAY_RO(array)) return nb::borrow(value);
  // FORCECAST: 64-bit integers to float64, as NumPy promotes them. It takes the descriptor's reference.
  nb::object copy = nb::steal(PyArray_FromArray(array, PyArray_DescrFromType(type),
                                                NPY_ARRAY_CARRAY_RO | NPY_ARRAY_ENSUREARRAY | NPY_ARRAY_FORCECAST));
  if (!copy.is_valid()) throw nb::python_error();
  return copy;
}

}  // namespace

std::string describe(nb::handle value) {
  if (value.is_none()) return "None";
  PyObject* v = value.ptr();
  const bool short_repr = PyLong_Check(v) || PyFloat_Check(v) || PyComplex_Check(v) || PyUnicode_Check(v) ||
                          PyBytes_Check(v) || PyTuple_Check(v) || PyList_Check(v) || PyArray_CheckScalar(v);
  if (short_repr) {
    nb::object repr = nb::steal(PyObject_Repr(v));
    if (repr.is_valid()) return detail::formatted("{} ({})", clipped(repr), type_text(value));
    PyErr_Clear();  // an element whose repr fails, or an int of too many digits: the type says enough
  }
  return detail::formatted("a {}", type_text(value));
}

void raise_type_error(const Context& context, nb::handle value) {
  throw nb::type_error(
      detail::formatted("{}: {} must be {}, got {}", context.who, context.name, context.wanted, describe(value))
          .c_str());
}

std::int64_t integer(const Context& context, nb::handle value) {
  if (is_bool(value) || !PyIndex_Check(value.ptr())) raise_type_error(context, value);
  nb::object index = PyLong_CheckExact(value.ptr()) ? nb::borrow(value) : nb::steal(PyNumber_Index(value.ptr()));
  if (!index.is_valid()) {
    if (!PyErr_ExceptionMatches(PyExc_TypeError)) throw nb::python_error();
    PyErr_Clear();  // an array of floats or of several elements, which has __index__ only by name
    raise_type_error(context, value);
  }
  int overflow = 0;
  const long long result = PyLong_AsLongLongAndOverflow(index.ptr(), &overflow);
  if (overflow != 0) {
    throw nb::value_error(detail::formatted("{}: {} is beyond the range of 64 bits, it must be {}", context.who,
                                            context.name, context.wanted)
                              .c_str());
  }
  return result;
}

std::array<std::int64_t, 2> integer_pair(const Context& context, nb::handle value) {
  if (nb::object tuple = elements(value); tuple.is_valid()) return pair_of(context, tuple);
  const std::int64_t both = integer(context, value);
  return {both, both};
}

double real(const Context& context, nb::handle value) {
  if (is_bool(value) || PyUnicode_Check(value.ptr())) raise_type_error(context, value);
  const double result = PyFloat_AsDouble(value.ptr());
  if (result == -1.0 && PyErr_Occurred()) {
    PyErr_Clear();
    raise_type_error(context, value);
  }
  return result;
}

bool boolean(const Context& context, nb::handle value) {
  if (!is_bool(value)) raise_type_error(context, value);
  return PyObject_IsTrue(value.ptr()) == 1;
}

std::string utf8(nb::handle str) {
  Py_ssize_t size = 0;
  const char* bytes = PyUnicode_AsUTF8AndSize(str.ptr(), &size);
  if (!bytes) throw nb::python_error();
  return {bytes, static_cast<std::size_t>(size)};
}

std::string text(const Context& context, nb::handle value) {
  if (!PyUnicode_Check(value.ptr())) raise_type_error(context, value);
  return clipped(value);
}

std::string free_text(const Context& context, nb::handle value) {
  if (!PyUnicode_Check(value.ptr())) raise_type_error(context, value);
  if (PyUnicode_GetLength(value.ptr()) > kMaxFreeText) {
    throw nb::value_error(detail::formatted("{}: {} has {} characters, it may have {}", context.who, context.name,
                                            PyUnicode_GetLength(value.ptr()), kMaxFreeText)
                              .c_str());
  }
  return clipped(value, kMaxFreeText);
}

Padding padding(const char* who, nb::handle value) {
  const Context context{who, "padding",
                        "'same', 'valid', an integer, a pair (ph, pw) or two pairs ((top, bottom), (left, right))"};
  if (PyUnicode_Check(value.ptr())) return Padding::from_name(text(context, value), who);
  nb::object tuple = elements(value);
  if (!tuple.is_valid()) return Padding::all(integer(context, value));
  if (PyTuple_GET_SIZE(tuple.ptr()) != 2) raise_length_error(context, PyTuple_GET_SIZE(tuple.ptr()));
  const nb::object rows = elements(PyTuple_GET_ITEM(tuple.ptr(), 0));
  const nb::object columns = elements(PyTuple_GET_ITEM(tuple.ptr(), 1));
  if (rows.is_valid() != columns.is_valid()) raise_type_error(context, value);
  if (!rows.is_valid()) {
    const auto [ph, pw] = pair_of(context, tuple);
    return Padding::symmetric(ph, pw);
  }
  const auto [top, bottom] = pair_of(context, rows);
  const auto [left, right] = pair_of(context, columns);
  return Padding::sides(top, bottom, left, right);
}

ActivationArgument activation(const char* who, nb::handle value) {
  const Context context{who, "activation", "None, a name such as 'relu', or a function of one array"};
  if (value.is_none()) return {};
  if (PyUnicode_Check(value.ptr())) return {activation_from_name(text(context, value), who), {}};
  if (!PyCallable_Check(value.ptr())) raise_type_error(context, value);
  return {Activation::identity, value};
}

int compute_type(const char* who, const char* name, nb::handle value) {
  if (!PyArray_Check(value.ptr())) {
    throw nb::type_error(
        detail::formatted("{}: {} must be a numpy.ndarray, got {}", who, name,
                          value.is_none() ? std::string("None") : detail::formatted("a {}", type_text(value)))
            .c_str());
  }
  if (!PyArray_CheckExact(value.ptr())) refuse_special_subclass(who, name, value);
  const int type = PyArray_TYPE(as_array(value));
  if (type == NPY_FLOAT || type == NPY_DOUBLE) return type;
  if (PyTypeNum_ISINTEGER(type) || PyTypeNum_ISBOOL(type)) return NPY_DOUBLE;
  const nb::object dtype = nb::steal(PyObject_Str(reinterpret_cast<PyObject*>(PyArray_DESCR(as_array(value)))));
  if (!dtype.is_valid()) throw nb::python_error();
  throw nb::type_error(
      detail::formatted("{}: {} has dtype {}, it must be float32 or float64 (integers and bools count as "
                        "float64): convert it with {}.astype(np.float32)",
                        who, name, clipped(dtype), name)
          .c_str());
}

Arrays::Arrays(const char* who, std::initializer_list<Argument> arguments) {
  for (const Argument& argument : arguments) {
    if (compute_type(who, argument.name, argument.value) == NPY_DOUBLE) is_double_ = true;
  }
  std::size_t i = 0;
  for (const Argument& argument : arguments) {
    shapes_[i] = shape_of(who, argument);
    arrays_[i++] = usable_array(argument.value, is_double_ ? NPY_DOUBLE : NPY_FLOAT);
  }
}

}  // namespace hubel::python
