// The normalisations straight from their definition: which values are normalised together, and which gamma and beta
// each has, is all that tells one from another.
#pragma once

#include <cmath>
#include <functional>
#include <vector>

#include "testing.hpp"

namespace hubel::reference {

struct NormMap {
  Index sets;                                // of values normalised together
  std::function<Index(Index)> set, channel;  // of an element: its set, and the place of its gamma and beta
};

inline NormMap batch_map(const Shape& x) {
  const Index c = x.back();
  return {c, [c](Index i) { return i % c; }, [c](Index i) { return i % c; }};
}
inline NormMap group_map(const Shape& x, Index groups) {
  const Index c = x.back(), sample = x.without_first().elements(), wide = c / groups;
  return {x[0] * groups, [=](Index i) { return i / sample * groups + i % c / wide; }, [c](Index i) { return i % c; }};
}
inline NormMap layer_map(const Shape& x, Index axes) {
  Index n = 1;
  for (std::size_t axis = x.rank() - static_cast<std::size_t>(axes); axis < x.rank(); ++axis) n *= x[axis];
  return {n == 0 ? 0 : x.elements() / n, [n](Index i) { return i / n; }, [n](Index i) { return i % n; }};
}

struct Norm {
  Array mean, variance, inv_std, centred, z;  // z: before any activation
};

template <class T>
Norm norm_forward(const NormMap& map, const Tensor<T>& x, const Tensor<T>* gamma, const Tensor<T>* beta, Real epsilon) {
  Norm r{Array(map.sets), Array(map.sets), Array(map.sets), Array(x.size()), Array(x.size())};
  Array count(map.sets);
  for (Index i = 0; i < x.size(); ++i) count[map.set(i)] += 1, r.mean[map.set(i)] += x[i];
  for (Index s = 0; s < map.sets; ++s) r.mean[s] /= count[s] > 0 ? count[s] : 1;
  for (Index i = 0; i < x.size(); ++i) {
    r.centred[i] = x[i] - r.mean[map.set(i)];
    r.variance[map.set(i)] += r.centred[i] * r.centred[i];
  }
  for (Index s = 0; s < map.sets; ++s) {
    r.variance[s] /= count[s] > 0 ? count[s] : 1;
    r.inv_std[s] = 1 / std::sqrt(r.variance[s] + epsilon);
  }
  for (Index i = 0; i < x.size(); ++i) {
    const Real g = gamma ? Real((*gamma)[map.channel(i)]) : 1, b = beta ? Real((*beta)[map.channel(i)]) : 0;
    r.z[i] = r.centred[i] * r.inv_std[map.set(i)] * g + b;
  }
  return r;
}

struct NormGradients {
  Array dx, dgamma, dbeta;
  Real largest = 0;  // of the terms that each dx is the difference of
};

// From dz, the gradient with respect to z. frozen: mean and inv_std do not depend on x.
template <class T>
NormGradients norm_backward(const NormMap& map, const Norm& f, const Array& dz, const Tensor<T>* gamma, Index channels,
                            bool frozen = false) {
  NormGradients r{Array(dz.size()), Array(channels), Array(channels)};
  Array count(map.sets), sum(map.sets), product(map.sets);
  const auto scaled = [&](Index i) { return dz[i] * (gamma ? Real((*gamma)[map.channel(i)]) : 1); };
  const auto normal = [&](Index i) { return f.centred[i] * f.inv_std[map.set(i)]; };
  for (Index i = 0; i < dz.size(); ++i) {
    r.dgamma[map.channel(i)] += dz[i] * normal(i);
    r.dbeta[map.channel(i)] += dz[i];
    count[map.set(i)] += 1;
    sum[map.set(i)] += scaled(i);
    product[map.set(i)] += scaled(i) * normal(i);
  }
  for (Index i = 0; i < dz.size(); ++i) {
    const Index s = map.set(i);
    const Real through = frozen ? 0 : (sum[s] + normal(i) * product[s]) / count[s];
    r.dx[i] = f.inv_std[s] * (scaled(i) - through);
    r.largest = std::max({r.largest, std::abs(f.inv_std[s] * scaled(i)), std::abs(f.inv_std[s] * through)});
  }
  return r;
}

// dy through an activation of z, and the activation itself.
inline Array through(Activation a, const Array& dy, const Array& z) {
  Array dz(dy.size());
  for (Index i = 0; i < dy.size(); ++i) dz[i] = dy[i] * activation_slope(a, z[i]);
  return dz;
}
inline Array activated(Activation a, const Array& z) {
  Array y(z.size());
  for (Index i = 0; i < z.size(); ++i) y[i] = activation(a, z[i]);
  return y;
}

}  // namespace hubel::reference
