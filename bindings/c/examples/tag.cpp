// Tags a text: tag BUNDLE [TEXT]; without TEXT, the lines of standard input. Prints each name and its kind.
#include <mtl.hpp>

#include <cstdint>
#include <iostream>
#include <string>

static void tag(const mtl::Model& model, std::string_view text) {
  auto batch = mtl::Batch::make().value();
  batch.add_text(text).value();
  auto tagged = mtl::tag(model, batch).value();
  if (auto error = tagged.error(0)) std::cerr << error.message() << '\n';  // the document's own error
  auto ner = model.task_find("ner").value();
  auto spans = tagged.spans(ner).value();
  for (std::uint32_t i = 0; i < spans.count; ++i)
    std::cout << text.substr(spans.start[i], spans.end[i] - spans.start[i]) << '\t'
              << model.span_label(ner, spans.label[i]) << '\n';
}

int main(int argc, char** argv) try {
  if (argc < 2) {
    std::cerr << "usage: " << argv[0] << " BUNDLE [TEXT]\n";
    return 2;
  }
  auto model = mtl::Model::open(mtl::Bundle::open(argv[1]).value()).value();
  if (argc > 2) tag(model, argv[2]);
  else
    for (std::string line; std::getline(std::cin, line);) tag(model, line);
  return 0;
} catch (const mtl::Exception& exception) {
  std::cerr << exception.what() << '\n';
  return 1;
}
