// Runs the cases of tests/cases through mtl.hpp, without exceptions: cases BUNDLE < LINES.
//
// The lines are those of tools/check_capi.py, which reads the JSON: `case NAME`, `bundle DIGEST`, `option KEY VALUE`,
// `text HEX`, `tokens HEX...` (`-` is an empty one), and `expect ...` as `actual` below writes it; `end` closes a case.
#include <mtl.hpp>

#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace {

std::string unhex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

std::string range(std::uint32_t start, std::uint32_t end) {
  return " " + std::to_string(start) + "-" + std::to_string(end);
}

struct Case {
  std::string name;
  std::vector<std::pair<std::string, std::string>> options;
  std::vector<std::vector<std::string>> documents;  // words; a text is one element, and `is_text`
  std::vector<bool> is_text;
  std::vector<std::string> expected;
};

// What the library says where `expected` stands: its first words choose.
std::string actual(const mtl::Model& model, const mtl::Expected<mtl::Tagged>& tagged, const std::string& expected) {
  std::istringstream in(expected);
  std::string kind, task;
  std::uint32_t index = 0;
  in >> kind;
  if (!tagged) return "error " + std::to_string(static_cast<int>(tagged.error().status()));
  auto documents = *tagged->documents();
  if (kind == "count") return "count " + std::to_string(documents.count);
  in >> index;
  if (kind == "error" || index >= documents.count) return "ok";
  auto tokens = *tagged->tokens();
  std::uint32_t s = documents.sentences[index], s_end = documents.sentences[index + 1];
  std::uint32_t t = tokens.sentences[s], t_end = tokens.sentences[s_end];
  std::string out = kind + " " + std::to_string(index);
  if (kind == "status") {
    out += " " + std::to_string(documents.status[index]);
    if (documents.status[index] == 0) out += " " + std::string(model.language(documents.language[index]));
    if (static_cast<int>(tagged->error(index).status()) != documents.status[index]) out += " without its error";
  } else if (kind == "sentences") {
    while (s < s_end) out += " " + std::to_string(tokens.sentences[++s] - t);
  } else if (kind == "tokens") {
    for (; t < t_end; ++t) out += range(tokens.start[t], tokens.end[t]);
  } else if (kind == "counts") {
    out += range(s_end - s, t_end - t);
  } else if (kind == "last") {
    out += range(tokens.start[t_end - 1], tokens.end[t_end - 1]);
  } else if (in >> task; kind == "labels") {
    auto number = *model.task_find(task);
    auto tags = *tagged->tags(number);
    for (out += " " + task; t < t_end; ++t)
      out += " " + (tags.label[t] == mtl::none ? "-" : std::string(model.label(number, tags.label[t])));
  } else if (kind == "spans") {
    auto number = *model.task_find(task);
    auto spans = *tagged->spans(number);
    out += " " + task;
    for (std::uint32_t i = 0; i < spans.count; ++i)
      if (spans.document[i] == index)
        out += range(spans.start[i], spans.end[i]) + ":" + std::string(model.span_label(number, spans.label[i]));
  }
  return out;
}

bool passes(const mtl::Model& model, const Case& c) {
  auto options = mtl::Options::make();
  auto batch = mtl::Batch::make();
  bool set = true, same = true;
  for (auto& [key, value] : c.options)
    if (auto done = options->set(key, value); !done) {
      std::string said = "error " + std::to_string(static_cast<int>(done.error().status()));
      set = false;
      same = c.expected == std::vector{said};
    }
  for (std::size_t i = 0; i < c.documents.size(); ++i) {
    std::vector<std::string_view> words(c.documents[i].begin(), c.documents[i].end());
    same &= bool(c.is_text[i] ? batch->add_text(words.empty() ? std::string_view() : words[0]) : batch->add_tokens(words));
  }
  if (!set) return same;
  auto tagged = mtl::tag(model, *batch, &*options);
  for (auto& expected : c.expected)
    if (auto found = actual(model, tagged, expected); found != expected) {
      std::cout << c.name << ":\n  expected " << expected << "\n  found    " << found << '\n';
      same = false;
    }
  return same;
}

}  // namespace

int main(int argc, char** argv) {
  auto bundle = mtl::Bundle::open(argc > 1 ? argv[1] : "");
  auto model = bundle ? mtl::Model::open(*bundle) : mtl::Expected<mtl::Model>(std::move(bundle.error()));
  if (!model) {
    std::cerr << model.error().message() << '\n';
    return 2;
  }
  int passed = 0, failed = 0;
  Case c;
  for (std::string line, word; std::getline(std::cin, line);) {
    std::istringstream in(line);
    in >> word;
    std::string rest = line.size() > word.size() ? line.substr(word.size() + 1) : "";
    if (word == "case") c = {rest, {}, {}, {}, {}};
    if (word == "option") c.options.emplace_back(rest.substr(0, rest.find(' ')), rest.substr(rest.find(' ') + 1));
    if (word == "expect") c.expected.push_back(rest);
    if (word == "text" || word == "tokens") {
      c.documents.emplace_back();
      c.is_text.push_back(word == "text");
      for (std::string hex; in >> hex;) c.documents.back().push_back(unhex(hex));
    }
    if (word == "bundle" && rest != bundle->digest()) {
      std::cout << c.name << ": was made for another bundle; run `make cases` and read the difference\n";
      c.expected.push_back("bundle " + rest);
    }
    if (word == "end") ++(passes(*model, c) ? passed : failed);
  }
  std::cout << "tests/cases in C++: " << passed << " passed, " << failed << " failed\n";
  return failed != 0;
}
