// See graph_layout.hpp.
#include "view/graph_layout.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>

#include "text/formatted.hpp"

namespace hubel::detail {

namespace {

constexpr double kMargin = 12, kRowGap = 34, kBoxGap = 26, kLaneGap = 14;
constexpr std::size_t kMaxPoints = 200'000;
constexpr double kFixed = 1e6;  // the weight of what stays where it is wanted
constexpr std::size_t kNone = static_cast<std::size_t>(-1);
constexpr int kOrderSweeps = 12, kPlaceSweeps = 24;

// What has a place in a row: a box, or a connection that passes.
struct Point {
  std::size_t row = 0;
  double half = 0;  // of its width; 0 for a connection
  bool is_box = false;
  std::vector<std::size_t> up = {}, down = {};  // what it is joined to in the rows before and behind
  double x = 0, wanted = 0, weight = 1;
  std::size_t order = 0;  // within its row
};

struct Rows {
  std::vector<Point> points;                   // the boxes first
  std::vector<std::vector<std::size_t>> rows;  // of points, from left to right
  std::vector<std::vector<std::size_t>> routes;
};

std::vector<std::size_t> longest_paths(const std::vector<LayoutBox>& boxes) {
  std::vector<std::size_t> row(boxes.size(), 0);
  for (std::size_t i = 0; i < boxes.size(); ++i)
    for (const std::size_t input : boxes[i].inputs) row[i] = std::max(row[i], row[input] + 1);
  return row;
}

// The points of a connection between two boxes, their own left out, joined one to the next.
std::vector<std::size_t> pass(Rows& rows, std::size_t from, std::size_t to) {
  std::vector<std::size_t> route = {from};
  for (std::size_t row = rows.points[from].row + 1; row < rows.points[to].row; ++row) {
    if (rows.points.size() >= kMaxPoints)
      throw std::invalid_argument(detail::formatted("graph_svg: its connections pass more than {} layers", kMaxPoints));
    route.push_back(rows.points.size());
    rows.points.push_back({.row = row});
  }
  route.push_back(to);
  for (std::size_t i = 0; i + 1 < route.size(); ++i) {
    rows.points[route[i]].down.push_back(route[i + 1]);
    rows.points[route[i + 1]].up.push_back(route[i]);
  }
  return route;
}

Rows make_rows(const std::vector<LayoutBox>& boxes) {
  Rows rows;
  const std::vector<std::size_t> row_of = longest_paths(boxes);
  for (std::size_t i = 0; i < boxes.size(); ++i)
    rows.points.push_back({.row = row_of[i], .half = boxes[i].width / 2, .is_box = true});
  for (std::size_t i = 0; i < boxes.size(); ++i)
    for (const std::size_t input : boxes[i].inputs) rows.routes.push_back(pass(rows, input, i));
  rows.rows.resize(*std::max_element(row_of.begin(), row_of.end()) + 1);
  for (std::size_t i = 0; i < rows.points.size(); ++i) rows.rows[rows.points[i].row].push_back(i);
  return rows;
}

// ---- The order within rows, for few crossings --------------------------------------------------------------------

void number(Rows& rows) {
  for (const auto& row : rows.rows)
    for (std::size_t i = 0; i < row.size(); ++i) rows.points[row[i]].order = i;
}

// Sorts a row by the mean place of its neighbours in the one before or behind. Of equals boxes go first, which keeps
// the connections that pass them at one side.
void sort_row(Rows& rows, std::size_t at, bool downwards) {
  auto& row = rows.rows[at];
  const auto mean = [&](const Point& p) {
    const auto& neighbours = downwards ? p.up : p.down;
    if (neighbours.empty()) return static_cast<double>(p.order);
    double sum = 0;
    for (const std::size_t n : neighbours) sum += static_cast<double>(rows.points[n].order);
    return sum / static_cast<double>(neighbours.size());
  };
  std::stable_sort(row.begin(), row.end(), [&](std::size_t a, std::size_t b) {
    const Point &p = rows.points[a], &q = rows.points[b];
    const double mean_p = mean(p), mean_q = mean(q);
    return mean_p != mean_q ? mean_p < mean_q : p.is_box && !q.is_box;
  });
  for (std::size_t i = 0; i < row.size(); ++i) rows.points[row[i]].order = i;
}

// Pairs of connections between a row and the next that cross: inversions, counted with a Fenwick tree.
std::int64_t crossings(const Rows& rows, std::size_t at) {
  std::vector<std::int64_t> tree(rows.rows[at + 1].size() + 1, 0);
  std::int64_t seen = 0, count = 0;
  for (const std::size_t upper : rows.rows[at]) {
    std::vector<std::size_t> ends;
    for (const std::size_t lower : rows.points[upper].down) ends.push_back(rows.points[lower].order);
    for (const std::size_t end : ends) {
      std::int64_t not_beyond = 0;
      for (std::size_t i = end + 1; i > 0; i &= i - 1) not_beyond += tree[i];
      count += seen - not_beyond;
    }
    for (const std::size_t end : ends)
      for (std::size_t i = end + 1; i < tree.size(); i += i & (~i + 1)) ++tree[i];
    seen += std::ssize(ends);
  }
  return count;
}

void order_rows(Rows& rows) {
  number(rows);
  auto best = rows.rows;
  std::int64_t fewest = -1;
  for (int sweep = 0; sweep < kOrderSweeps && fewest != 0; ++sweep) {
    const bool downwards = sweep % 2 == 0;
    for (std::size_t i = 1; i < rows.rows.size(); ++i)
      sort_row(rows, downwards ? i : rows.rows.size() - 1 - i, downwards);
    std::int64_t count = 0;
    for (std::size_t i = 0; i + 1 < rows.rows.size(); ++i) count += crossings(rows, i);
    if (fewest >= 0 && count >= fewest) continue;
    fewest = count;
    best = rows.rows;
  }
  rows.rows = best;
  number(rows);
}

// ---- Places along the rows ---------------------------------------------------------------------------------------
//
// A path of boxes through all rows, the spine, goes straight down. Beside it boxes follow what they are joined to, and
// passing connections keep outside of the boxes, each as upright as it can.

// From the last row upwards. A box has one at least among its inputs in the row before, by the rows' definition; of
// several the most central one in its row.
std::vector<std::size_t> spine(const Rows& rows) {
  std::size_t at = 0;
  for (std::size_t i = 0; i < rows.points.size() && rows.points[i].is_box; ++i)
    if (rows.points[i].row + 1 == rows.rows.size()) at = i;
  std::vector<std::size_t> path = {at};
  while (rows.points[at].row > 0) {
    const auto& row = rows.rows[rows.points[at].row - 1];
    const auto off_centre = [&](std::size_t point) {
      std::int64_t before = 0, behind = 0;
      for (const std::size_t other : row) {
        before += rows.points[other].is_box && rows.points[other].order < rows.points[point].order;
        behind += rows.points[other].is_box && rows.points[other].order > rows.points[point].order;
      }
      return std::abs(before - behind);
    };
    std::size_t best = kNone;
    for (const std::size_t up : rows.points[at].up)
      if (rows.points[up].is_box && (best == kNone || off_centre(up) < off_centre(best))) best = up;
    path.push_back(at = best);
  }
  return path;
}

double distance(const Point& a, const Point& b) {
  return a.half + b.half + (a.is_box && b.is_box ? kBoxGap : kLaneGap);
}

// Boxes of one chain pull most.
double pull(const Point& upper, const Point& lower) {
  if (!upper.is_box || !lower.is_box) return 0.02;
  return upper.down.size() == 1 && lower.up.size() == 1 ? 8 : 1;
}

// Where a box should be for what it is joined to.
double wanted(const Rows& rows, const Point& p) {
  double sum = 0, weights = 0;
  for (const std::size_t n : p.up) {
    sum += pull(rows.points[n], p) * rows.points[n].x;
    weights += pull(rows.points[n], p);
  }
  for (const std::size_t n : p.down) {
    sum += pull(p, rows.points[n]) * rows.points[n].x;
    weights += pull(p, rows.points[n]);
  }
  return weights > 0 ? sum / weights : p.x;
}

// The places nearest to Point::wanted that keep the order and the distances: least squares under x_1 + d_1 <= x_2 and
// so on, which pooling adjacent violators solves.
void place_row(Rows& rows, std::size_t at) {
  struct Pool {
    double sum, weight;
    std::size_t count;
    double mean() const { return sum / weight; }
  };
  const auto& row = rows.rows[at];
  std::vector<double> offset(row.size(), 0);
  std::vector<Pool> pools;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const Point& p = rows.points[row[i]];
    if (i > 0) offset[i] = offset[i - 1] + distance(rows.points[row[i - 1]], p);
    pools.push_back({p.weight * (p.wanted - offset[i]), p.weight, 1});
    while (pools.size() > 1 && pools[pools.size() - 2].mean() > pools.back().mean()) {
      const Pool last = pools.back();
      pools.pop_back();
      pools.back().sum += last.sum;
      pools.back().weight += last.weight;
      pools.back().count += last.count;
    }
  }
  std::size_t i = 0;
  for (const Pool& pool : pools)
    for (std::size_t k = 0; k < pool.count; ++k, ++i) rows.points[row[i]].x = pool.mean() + offset[i];
}

void place_boxes(Rows& rows) {
  for (int sweep = 0; sweep < kPlaceSweeps; ++sweep) {
    for (std::size_t i = 0; i < rows.rows.size(); ++i) {
      const std::size_t at = sweep % 2 == 0 ? i : rows.rows.size() - 1 - i;
      for (const std::size_t p : rows.rows[at])
        rows.points[p].wanted = rows.points[p].weight == kFixed ? 0 : wanted(rows, rows.points[p]);
      place_row(rows, at);
    }
  }
}

// Each connection as far out, to the side of the spine where it is, as its outermost point.
void place_lanes(Rows& rows, const std::vector<std::size_t>& spine_of_row) {
  for (Point& p : rows.points) p.wanted = p.x;
  for (int sweep = 0; sweep < kPlaceSweeps; ++sweep) {
    for (const auto& route : rows.routes) {
      double left = 0, right = 0;
      const auto is_right = [&](const Point& p) { return p.order > rows.points[spine_of_row[p.row]].order; };
      for (std::size_t i = 1; i + 1 < route.size(); ++i) {
        left = std::min(left, rows.points[route[i]].x);
        right = std::max(right, rows.points[route[i]].x);
      }
      for (std::size_t i = 1; i + 1 < route.size(); ++i)
        rows.points[route[i]].wanted = is_right(rows.points[route[i]]) ? right : left;
    }
    for (std::size_t i = 0; i < rows.rows.size(); ++i) place_row(rows, i);
  }
}

void place_points(Rows& rows) {
  for (Point& p : rows.points) p.weight = p.is_box ? 1 : 1e-5;
  std::vector<std::size_t> spine_of_row = spine(rows);
  std::reverse(spine_of_row.begin(), spine_of_row.end());
  for (const std::size_t p : spine_of_row) rows.points[p].weight = kFixed;
  place_boxes(rows);
  place_lanes(rows, spine_of_row);
  double left = 0;
  for (const Point& p : rows.points) left = std::min(left, p.x - p.half);
  for (Point& p : rows.points) p.x += kMargin - left;
}

LayoutRoute route_of(const Rows& rows, const std::vector<LayoutBox>& boxes, const std::vector<std::size_t>& route,
                     const std::vector<double>& tops, const std::vector<double>& heights) {
  const LayoutBox &from = boxes[route.front()], &to = boxes[route.back()];
  const std::size_t first = rows.points[route.front()].row, last = rows.points[route.back()].row;
  LayoutRoute line{{{from.x, from.y + from.height}, {from.x, tops[first] + heights[first]}}};
  for (std::size_t i = 1; i + 1 < route.size(); ++i) {
    const Point& p = rows.points[route[i]];
    line.points.emplace_back(p.x, tops[p.row]);
    line.points.emplace_back(p.x, tops[p.row] + heights[p.row]);
  }
  line.points.emplace_back(to.x, tops[last]);
  line.points.emplace_back(to.x, to.y);
  return line;
}

}  // namespace

Layout lay_out(std::vector<LayoutBox> boxes) {
  Rows rows = make_rows(boxes);
  order_rows(rows);
  place_points(rows);
  Layout layout;
  std::vector<double> heights(rows.rows.size(), 0), tops(rows.rows.size(), kMargin);
  for (std::size_t i = 0; i < boxes.size(); ++i)
    heights[rows.points[i].row] = std::max(heights[rows.points[i].row], boxes[i].height);
  for (std::size_t i = 1; i < tops.size(); ++i) tops[i] = tops[i - 1] + heights[i - 1] + kRowGap;
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    boxes[i].x = rows.points[i].x;
    boxes[i].y = tops[rows.points[i].row] + (heights[rows.points[i].row] - boxes[i].height) / 2;
  }
  for (const auto& route : rows.routes) layout.routes.push_back(route_of(rows, boxes, route, tops, heights));
  for (const Point& p : rows.points) layout.width = std::max(layout.width, p.x + p.half + kMargin);
  layout.height = tops.back() + heights.back() + kMargin;
  layout.boxes = std::move(boxes);
  return layout;
}

}  // namespace hubel::detail
