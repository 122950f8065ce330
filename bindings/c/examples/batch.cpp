// Tags the lines of a file, many at once: batch BUNDLE FILE [THREADS [MILLISECONDS]]. Prints for each word of each line:
// line, start, end (bytes), the label of the model's first task; a line that cannot be tagged goes to standard error.
// MILLISECONDS is the deadline of all. Errors are looked at without exceptions here; tag.cpp has them thrown.
#include <mtl.hpp>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

namespace {

constexpr std::size_t lines = 256;  // a batch: one crossing into the library

void print(const mtl::Model& model, const mtl::Tagged& tagged, unsigned long first_line) {
  // They fail only for arguments that are wrong.
  auto documents = *tagged.documents();
  auto tokens = *tagged.tokens();
  auto tags = *tagged.tags(0);
  for (std::uint32_t d = 0; d < documents.count; ++d) {
    if (auto error = tagged.error(d)) std::cerr << "line " << first_line + d << ": " << error.message() << '\n';
    auto end = tokens.sentences[documents.sentences[d + 1]];
    for (auto token = tokens.sentences[documents.sentences[d]]; token < end; ++token) {
      auto label = tags.label[token] == mtl::none ? "-" : model.label(0, tags.label[token]);
      std::cout << first_line + d << '\t' << tokens.start[token] << '\t' << tokens.end[token] << '\t' << label << '\n';
    }
  }
}

mtl::Expected<void> tag_lines(const mtl::Model& model, const mtl::Cancel& cancel, mtl::Batch batch, std::istream& in) {
  unsigned long line_number = 1;
  for (std::string line; in || batch.count() > 0;) {
    while (batch.count() < lines && std::getline(in, line))
      if (auto added = batch.add_text(line); !added) return added;
    auto tagged = mtl::tag(model, batch, nullptr, &cancel);
    if (!tagged) return std::move(tagged.error());
    print(model, *tagged, line_number);
    line_number += batch.count();
    if (auto cleared = batch.clear(); !cleared) return cleared;
  }
  return {};
}

template <class T>
int failed(const mtl::Expected<T>& wrong) {
  std::cerr << mtl::status_name(wrong.error().status()) << ": " << wrong.error().message() << '\n';
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: " << argv[0] << " BUNDLE FILE [THREADS [MILLISECONDS]]\n";
    return 2;
  }
  std::ifstream file(argv[2], std::ios::binary);
  if (!file) {
    std::cerr << argv[2] << ": cannot be opened\n";
    return 1;
  }
  auto cancel = mtl::Cancel::make(std::chrono::milliseconds(argc > 4 ? std::atoi(argv[4]) : -1));
  if (!cancel) return failed(cancel);
  auto env = mtl::Env::make(argc > 3 ? static_cast<std::uint32_t>(std::atoi(argv[3])) : 0);
  if (!env) return failed(env);
  auto bundle = mtl::Bundle::open(argv[1]);
  if (!bundle) return failed(bundle);
  auto model = mtl::Model::open(*bundle, nullptr, &*env);
  if (!model) return failed(model);
  auto batch = mtl::Batch::make();
  if (!batch) return failed(batch);
  auto done = tag_lines(*model, *cancel, std::move(*batch), file);
  return done ? 0 : failed(done);
}
