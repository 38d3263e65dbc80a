// Gradient clipping, over the pieces of all gradients.
#include "hubel/clip.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "ops/compensated_sum.hpp"
#include "ops/parallel.hpp"
#include "ops/pieces.hpp"
#include "ops/workspace.hpp"
#include "simd/optimizer.hpp"
#include "text/formatted.hpp"

namespace hubel {

namespace {

template <class T>
struct Piece {
  T* begin;
  T* end;
  double squares;  // their sum
  T factor;        // to be scaled by
};

void check(const char* who, const char* name, double value) {
  if (!(value >= 0))
    throw std::invalid_argument(detail::formatted("{}: {} is {} but must be at least 0", who, name, value));
}

// In scratch memory, for a step allocates nothing.
template <class T>
std::span<Piece<T>> pieces_of(std::span<const TensorView<T>> gradients) {
  std::int64_t count = 0;
  for (const TensorView<T>& g : gradients) count += detail::piece_count(g.size());
  Piece<T>* pieces = detail::scratch<Piece<T>>(detail::Scratch::partials, static_cast<std::size_t>(count));
  Piece<T>* next = pieces;
  for (const TensorView<T>& g : gradients) {
    detail::cut_into_pieces(g.size(), [&](std::int64_t begin, std::int64_t end) {
      *next++ = {g.data() + begin, g.data() + end, 0, T(1)};
    });
  }
  return {pieces, static_cast<std::size_t>(count)};
}

template <class T, class Body>
void for_each_piece(std::span<Piece<T>> pieces, const Body& body) {
  const double elements = static_cast<double>(pieces.size()) * static_cast<double>(detail::kPiece);
  detail::parallel_for(std::ssize(pieces), 2 * elements,
                       [&](std::int64_t i) { body(pieces[static_cast<std::size_t>(i)]); });
}

template <class T>
std::span<Piece<T>> summed_pieces_of(std::span<const TensorView<T>> gradients) {
  const std::span<Piece<T>> pieces = pieces_of(gradients);
  for_each_piece(pieces, [](Piece<T>& piece) {
    piece.squares = simd::sum_of_squares(piece.begin, static_cast<std::size_t>(piece.end - piece.begin));
  });
  return pieces;
}

// Sets the factors that bring these pieces' norm, of all of them together, down to max_norm; returns it.
template <class T>
double bound(std::span<Piece<T>> pieces, double max_norm) {
  detail::CompensatedSum squares;
  for (const Piece<T>& piece : pieces) squares.add(piece.squares);
  const double norm = std::sqrt(squares.value());
  if (std::isfinite(norm) && norm > max_norm)
    for (Piece<T>& piece : pieces) piece.factor = static_cast<T>(max_norm / norm);
  return norm;
}

template <class T>
void scale(std::span<Piece<T>> pieces) {
  if (std::all_of(pieces.begin(), pieces.end(), [](const Piece<T>& piece) { return piece.factor == T(1); })) return;
  for_each_piece(pieces, [](const Piece<T>& piece) {
    const T factor = piece.factor;
    if (factor == T(1)) return;
    for (T* g = piece.begin; g != piece.end; ++g) *g *= factor;
  });
}

template <class T>
double clip_global_norm(std::span<const TensorView<T>> gradients, double max_norm) {
  check("clip_by_global_norm", "max_norm", max_norm);
  const std::span<Piece<T>> pieces = summed_pieces_of(gradients);
  const double norm = bound(pieces, max_norm);
  scale(pieces);
  return norm;
}

template <class T>
void clip_norm(std::span<const TensorView<T>> gradients, double max_norm) {
  check("clip_by_norm", "max_norm", max_norm);
  const std::span<Piece<T>> pieces = summed_pieces_of(gradients);
  std::size_t first = 0;
  for (const TensorView<T>& g : gradients) {
    const auto count = static_cast<std::size_t>(detail::piece_count(g.size()));
    bound(pieces.subspan(first, count), max_norm);
    first += count;
  }
  scale(pieces);
}

template <class T>
void clip_value(std::span<const TensorView<T>> gradients, double max_value) {
  check("clip_by_value", "max_value", max_value);
  const T high = static_cast<T>(max_value), low = -high;
  for_each_piece(pieces_of(gradients), [low, high](Piece<T>& piece) {
    for (T* g = piece.begin; g != piece.end; ++g) *g = *g < low ? low : *g > high ? high : *g;
  });
}

}  // namespace

double clip_by_global_norm(std::span<const TensorView<float>> gradients, double max_norm) {
  return clip_global_norm(gradients, max_norm);
}
double clip_by_global_norm(std::span<const TensorView<double>> gradients, double max_norm) {
  return clip_global_norm(gradients, max_norm);
}
void clip_by_norm(std::span<const TensorView<float>> gradients, double max_norm) { clip_norm(gradients, max_norm); }
void clip_by_norm(std::span<const TensorView<double>> gradients, double max_norm) { clip_norm(gradients, max_norm); }
void clip_by_value(std::span<const TensorView<float>> gradients, double max_value) { clip_value(gradients, max_value); }
void clip_by_value(std::span<const TensorView<double>> gradients, double max_value) {
  clip_value(gradients, max_value);
}

}  // namespace hubel
