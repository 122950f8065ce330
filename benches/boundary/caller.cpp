// Calls the library through mtl.hpp. README.md says what every caller does.
#include <mtl.hpp>

#include <cstdint>
#include <ctime>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

namespace {

std::uint64_t cpu_time() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return std::uint64_t(now.tv_sec) * 1'000'000'000 + std::uint64_t(now.tv_nsec);
}

struct Task {
  std::vector<std::string_view> labels, span_labels;
};

class Caller {
 public:
  explicit Caller(mtl::Model model) : model_(std::move(model)), tasks_(model_.task_count()) {
    for (std::uint32_t task = 0; task < tasks_.size(); ++task) {
      for (std::uint32_t i = 0; i < model_.label_count(task); ++i)
        tasks_[task].labels.push_back(model_.label(task, i));
      for (std::uint32_t i = 0; i < model_.span_label_count(task); ++i)
        tasks_[task].span_labels.push_back(model_.span_label(task, i));
    }
  }

  std::uint64_t tag(mtl::Span<const std::string> texts) const {
    auto batch = mtl::Batch::make().value();
    for (const std::string& text : texts) batch.add_text(text).value();
    auto tagged = mtl::tag(model_, batch).value();
    auto documents = tagged.documents().value();
    for (std::uint32_t i = 0; i < documents.count; ++i)
      if (auto error = tagged.error(i)) throw std::runtime_error(std::string(error.message()));
    auto tokens = tagged.tokens().value();
    std::uint64_t sum = 0;
    for (std::uint32_t start : tokens.start) sum += start;
    for (std::uint32_t end : tokens.end) sum += end;
    for (std::uint32_t task = 0; task < tasks_.size(); ++task) sum += read(tagged, task);
    return sum;
  }

 private:
  std::uint64_t read(const mtl::Tagged& tagged, std::uint32_t task) const {
    std::uint64_t sum = 0;
    for (std::uint32_t label : tagged.tags(task).value().label)
      if (label != mtl::none) sum += tasks_[task].labels[label].size();
    auto spans = tagged.spans(task).value();
    for (std::uint32_t i = 0; i < spans.count; ++i)
      sum += spans.start[i] + spans.end[i] + tasks_[task].span_labels[spans.label[i]].size();
    return sum;
  }

  mtl::Model model_;
  std::vector<Task> tasks_;
};

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) throw std::runtime_error("usage: caller BUNDLE TEXTS");
  const Caller caller(mtl::Model::open(mtl::Bundle::open(argv[1]).value()).value());
  std::vector<std::string> texts;
  std::ifstream file(argv[2]);
  for (std::string line; std::getline(file, line);) texts.push_back(line);
  for (std::size_t count, calls; std::cin >> count >> calls;) {
    const std::uint64_t begun = cpu_time();
    std::uint64_t sum = 0;
    for (std::size_t call = 0; call < calls; ++call)
      sum += caller.tag({texts.data() + call * count % texts.size(), count});
    std::cout << cpu_time() - begun << ' ' << sum << std::endl;
  }
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
