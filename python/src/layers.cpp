// Layer descriptions between Python and C++: see layers.hpp.
//
// Which options a kind of layer has is told by LayerKind<L>::fields, the one list that model files are written and read
// by too; so a new kind of layer needs nothing here.
#include "layers.hpp"

#include <optional>
#include <set>
#include <string_view>

#include "arguments.hpp"
#include "bindings.hpp"
#include "hubel/zoo.hpp"
#include "nn/layer_kinds.hpp"
#include "nn/network_plan.hpp"
#include "text/formatted.hpp"

namespace hubel::python {

namespace {

// Sets a description's fields from a dict.
class Reader {
 public:
  Reader(const char* who, const nb::dict& options) : who_(who), options_(options) {}

  template <class T>
  void required(const char* name, T& field) {
    if (!options_.contains(name)) throw nb::type_error(detail::formatted("{}: {} is missing", who_, name).c_str());
    optional(name, field);
  }
  template <class T>
  void optional(const char* name, T& field) {
    known_.insert(name);
    if (options_.contains(name)) read(name, options_[name], field);
  }
  template <class T>
  void later(const char* name, T& field, const T&) {
    optional(name, field);
  }

  void refuse_unknown() const {
    for (const auto [key, value] : options_) {
      const std::string name = text({who_, "an option's name", "a str"}, key);
      if (known_.count(name) == 0)
        throw nb::type_error(detail::formatted("{}: unknown option '{}'", who_, name).c_str());
    }
  }

 private:
  void read(const char* name, nb::handle value, std::int64_t& field) const {
    field = integer({who_, name, "an integer"}, value);
  }
  void read(const char* name, nb::handle value, std::array<std::int64_t, 2>& field) const {
    field = integer_pair({who_, name, "a pair of integers or one integer"}, value);
  }
  void read(const char* name, nb::handle value, bool& field) const {
    field = boolean({who_, name, "True or False"}, value);
  }
  void read(const char* name, nb::handle value, double& field) const { field = real({who_, name, "a number"}, value); }
  void read(const char* name, nb::handle value, std::vector<std::int64_t>& field) const {
    const Context context{who_, name, "a tuple of integers"};
    if (!PyTuple_Check(value.ptr()) && !PyList_Check(value.ptr())) raise_type_error(context, value);
    field.clear();
    for (nb::handle extent : nb::borrow<nb::sequence>(value)) field.push_back(integer(context, extent));
  }
  void read(const char*, nb::handle value, Margins& field) const {
    const Padding p = padding(who_, value);
    if (p.kind != Padding::Kind::explicit_sides)
      throw nb::value_error(
          detail::formatted("{}: padding must be numbers, a pair or ((top, bottom), (left, right))", who_).c_str());
    field = {p.top, p.bottom, p.left, p.right};
  }
  void read(const char* name, nb::handle value, Interpolation& field) const {
    field = interpolation_from_name(text({who_, name, "a name such as 'bilinear'"}, value), who_);
  }
  void read(const char* name, nb::handle value, PadMode& field) const {
    field = pad_mode_from_name(text({who_, name, "a name such as 'reflect'"}, value), who_);
  }
  void read(const char*, nb::handle value, Padding& field) const { field = padding(who_, value); }
  void read(const char* name, nb::handle value, Activation& field) const {
    // A model is saved with its activations, and a Python function cannot be.
    field = value.is_none() ? Activation::identity
                            : activation_from_name(text({who_, name, "None or a name such as 'relu'"}, value), who_);
  }
  void read(const char* name, nb::handle value, Initializer& field) const {
    field = initializer_from_name(text({who_, name, "a name such as 'he_normal'"}, value), who_);
  }

  const char* who_;
  const nb::dict& options_;
  std::set<std::string> known_;
};

// Puts a description's fields into a dict.
struct Writer {
  nb::dict options;

  template <class T>
  void required(const char* name, const T& field) {
    options[name] = value(field);
  }
  template <class T>
  void optional(const char* name, const T& field) {
    options[name] = value(field);
  }
  template <class T>
  void later(const char* name, const T& field, const T&) {
    options[name] = value(field);
  }

 private:
  static nb::object value(std::int64_t field) { return nb::int_(field); }
  static nb::object value(double field) { return nb::float_(field); }
  static nb::object value(const std::vector<std::int64_t>& field) {
    nb::list extents;
    for (const std::int64_t extent : field) extents.append(extent);
    return nb::tuple(extents);
  }
  static nb::object value(const Margins& field) {
    return nb::make_tuple(nb::make_tuple(field.top, field.bottom), nb::make_tuple(field.left, field.right));
  }
  static nb::object value(Interpolation field) { return python_text(interpolation_name(field)); }
  static nb::object value(PadMode field) { return python_text(pad_mode_name(field)); }
  static nb::object value(bool field) { return nb::bool_(field); }
  static nb::object value(const std::array<std::int64_t, 2>& field) { return nb::make_tuple(field[0], field[1]); }
  static nb::object value(Activation field) { return python_text(activation_name(field)); }
  static nb::object value(Initializer field) { return python_text(initializer_name(field)); }
  static nb::object value(const Padding& field) {
    if (field.kind == Padding::Kind::same) return nb::str("same");
    if (field.kind == Padding::Kind::valid) return nb::str("valid");
    return nb::make_tuple(nb::make_tuple(field.top, field.bottom), nb::make_tuple(field.left, field.right));
  }
};

nb::tuple canonical_layer(const nb::str& who, const nb::str& kind, const nb::dict& options) {
  return layer_to_python(layer_from_python(who.c_str(), kind.c_str(), options));
}

// A network of the zoo; what is None has the paper's value.
nb::tuple zoo_graph_(const nb::str& name, nb::handle classes, nb::handle input_shape, nb::handle small_images) {
  ZooOptions options;
  if (!classes.is_none()) options.classes = integer({name.c_str(), "classes", "an integer"}, classes);
  if (!input_shape.is_none()) options.input_shape = shape_argument(name.c_str(), input_shape);
  options.small_images = boolean({name.c_str(), "small_images", "True or False"}, small_images);
  const Graph graph = zoo_graph(name.c_str(), options);
  return nb::make_tuple(python_shape(graph.input_shape()), entries_of(graph));
}

// (name, classes, input shape, whether there is a variant for small images) of each.
nb::list zoo_defaults_() {
  nb::list result;
  for (const ZooDefaults& d : zoo_defaults())
    result.append(nb::make_tuple(python_text(d.name), d.classes, python_shape(d.input_shape), d.has_small_images));
  return result;
}

// The shape that a layer makes of a sample's inputs.
nb::tuple layer_shape(const nb::str& who, const nb::str& kind, const nb::dict& options, const nb::list& inputs) {
  std::vector<Shape> shapes;
  for (nb::handle input : inputs) {
    std::vector<std::int64_t> extents = {1};
    for (nb::handle extent : nb::cast<nb::tuple>(input))
      extents.push_back(integer({who.c_str(), "shape", "a tuple of integers"}, extent));
    shapes.emplace_back(std::span<const std::int64_t>(extents));
  }
  const Layer layer = layer_from_python(who.c_str(), kind.c_str(), options);
  return python_shape(detail::plan_layer(layer, shapes, who.c_str()).output.without_first());
}

}  // namespace

Layer layer_from_python(const char* who, const std::string& kind, const nb::dict& options) {
  std::optional<Layer> layer;
  detail::for_each_kind([&](auto kind_type) {
    for (std::string_view name : kind_type.kNames) {
      if (name != kind) continue;
      auto description = kind_type.of_name(name);
      Reader reader(who, options);
      kind_type.fields(description, reader);
      reader.refuse_unknown();
      layer = description;
    }
  });
  if (!layer) throw nb::value_error(detail::formatted("{}: unknown kind of layer '{}'", who, kind).c_str());
  return *layer;
}

nb::tuple layer_to_python(const Layer& layer) {
  Writer writer;
  detail::with_kind(layer, [&](auto kind_type, const auto& description) { kind_type.fields(description, writer); });
  return nb::make_tuple(python_text(layer_kind(layer)), writer.options);
}

nb::str python_text(std::string_view text) { return nb::str(text.data(), text.size()); }

nb::tuple python_shape(const Shape& shape) {
  nb::list extents;
  for (const std::int64_t extent : shape) extents.append(extent);
  return nb::tuple(extents);
}

Shape shape_argument(const char* who, nb::handle value) {
  const Context context{who, "input_shape", "a tuple of integers, (h, w, c) or (n,)"};
  if (!PyTuple_Check(value.ptr()) && !PyList_Check(value.ptr())) raise_type_error(context, value);
  std::vector<std::int64_t> extents;
  for (nb::handle extent : nb::tuple(nb::borrow<nb::sequence>(value))) extents.push_back(integer(context, extent));
  return Shape(std::span<const std::int64_t>(extents));
}

nb::list entries_of(const Graph& graph) {
  nb::list result;
  for (const GraphLayer& placed : graph.layers()) {
    const nb::tuple layer = layer_to_python(placed.layer);
    nb::list inputs;
    for (const std::int64_t input : placed.inputs) inputs.append(input);
    result.append(nb::make_tuple(layer[0], layer[1], python_text(placed.name), inputs, placed.weights_of));
  }
  return result;
}

void bind_layers(nb::module_& m) {
  m.def("canonical_layer", &canonical_layer);
  define(m, "zoo_graph", &zoo_graph_);
  m.def("zoo_defaults", &zoo_defaults_);
  m.def("layer_shape", &layer_shape);
}

}  // namespace hubel::python
