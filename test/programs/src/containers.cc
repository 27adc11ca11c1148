// C++ without exceptions: containers, strings, virtual calls, lambdas, algorithms, iostreams.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>

struct Shape {
  virtual ~Shape() = default;
  virtual double area() const = 0;
  virtual std::string name() const = 0;
};
struct Circle : Shape {
  double r;
  explicit Circle(double r) : r(r) {}
  double area() const override { return 3.14159265358979 * r * r; }
  std::string name() const override { return "circle"; }
};
struct Rect : Shape {
  double w, h;
  Rect(double w, double h) : w(w), h(h) {}
  double area() const override { return w * h; }
  std::string name() const override { return "rect"; }
};

int main(int argc, char **argv) {
  std::vector<std::unique_ptr<Shape>> shapes;
  for (int i = 1; i <= 20; i++) {
    if (i % 3 == 0) shapes.push_back(std::make_unique<Circle>(i * 0.5));
    else shapes.push_back(std::make_unique<Rect>(i, i + 0.25));
  }
  std::sort(shapes.begin(), shapes.end(), [](const auto &a, const auto &b) { return a->area() < b->area(); });
  std::map<std::string, double> totals;
  for (const auto &shape : shapes) totals[shape->name()] += shape->area();
  for (const auto &[name, total] : totals) std::cout << name << ' ' << total << '\n';

  std::unordered_map<std::string, int> counts;
  uint32_t state = 1;
  for (int i = 0; i < 50000; i++) {
    state = state * 1664525u + 1013904223u;
    counts["key" + std::to_string(state >> 22)]++;
  }
  std::vector<std::pair<std::string, int>> sorted(counts.begin(), counts.end());
  std::sort(sorted.begin(), sorted.end());
  uint64_t hash = 14695981039346656037ull;
  for (const auto &[key, count] : sorted)
    for (char c : key + ':' + std::to_string(count)) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  std::printf("%zu %016llx\n", sorted.size(), static_cast<unsigned long long>(hash));

  std::vector<double> values(1000);
  std::iota(values.begin(), values.end(), 1.0);
  const std::function<double(double)> square = [](double x) { return x * x / 7; };
  std::transform(values.begin(), values.end(), values.begin(), square);
  std::ostringstream out;
  out.precision(12);
  out << std::accumulate(values.begin(), values.end(), 0.0) << ' ' << argc;
  for (int i = 1; i < argc; i++) out << ' ' << argv[i];
  std::cout << out.str() << std::endl;
  return argc == 3 ? 7 : 0;
}
