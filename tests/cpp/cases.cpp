// Runs the cases of tests/cases through mtl.hpp, without exceptions: cases BUNDLE < LINES.
//
// The lines are those of tools/check_capi.py, which reads the JSON for C and C++: `case NAME`, `bundle DIGEST`, `option KEY VALUE`,
// `text HEX`, `tokens HEX...` (`-` is an empty one), the same with `answer-` before them and `align` where answers are
// aligned, and `expect ...` as `actual` below writes it; `end` closes a case.
#include <mtl.hpp>

#include <cstdio>
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

// Documents: their words; a text is one element.
struct Texts {
  struct Document {
    bool is_text;
    std::vector<std::string> words;
  };
  std::vector<Document> documents;

  bool put(mtl::Batch& batch) const {
    bool done = true;
    for (auto& document : documents) {
      std::vector<std::string_view> words(document.words.begin(), document.words.end());
      done &= bool(document.is_text ? batch.add_text(words.empty() ? std::string_view() : words[0]) : batch.add_tokens(words));
    }
    return done;
  }
};

struct Case {
  std::string name;
  bool align = false;
  std::vector<std::pair<std::string, std::string>> options;
  Texts documents, answers;
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

// The same of answers.
std::string actual(const mtl::Expected<mtl::Alignment>& alignment, const std::string& expected) {
  std::istringstream in(expected);
  std::string kind;
  std::uint32_t index = 0;
  in >> kind;
  if (!alignment) return "error " + std::to_string(static_cast<int>(alignment.error().status()));
  auto pairs = *alignment->pairs();
  if (kind == "count") return "count " + std::to_string(pairs.count);
  in >> index;
  if (kind == "error" || index >= pairs.count) return "ok";
  auto words = *alignment->words();
  auto edits = *alignment->edits();
  std::uint32_t first = pairs.words[index], end = pairs.words[index + 1];
  std::string out = kind + " " + std::to_string(index);
  if (kind == "status") {
    out += " " + std::to_string(pairs.status[index]);
    if (static_cast<int>(alignment->error(index).status()) != pairs.status[index]) out += " without its error";
  } else if (kind == "rate") {
    char rate[32];
    std::snprintf(rate, sizeof rate, " %.6f", pairs.word_error_rate[index]);
    out += rate;
  } else if (kind == "words") {
    for (auto w = first; w < end; ++w) out += range(words.start[w], words.end[w]);
  } else if (kind == "mistakes") {
    for (auto w = first; w < end; ++w) out += words.mistake[w] ? " 1" : " 0";
  }
  for (auto e = pairs.edits[index]; e < pairs.edits[index + 1]; ++e) {
    std::string word = edits.word[e] == mtl::none ? "" : std::to_string(edits.word[e] - first);
    if (kind == "edits") out += std::string(" ") + "MSDI"[edits.kind[e]] + word;
    if (kind == "typed" && edits.kind[e] != MTL_EDIT_DELETE) out += range(edits.start[e], edits.end[e]);
  }
  return out;
}

bool passes(const mtl::Model& model, const Case& c) {
  auto options = mtl::Options::make();
  auto batch = mtl::Batch::make(), answers = mtl::Batch::make();
  bool set = true, same = true;
  for (auto& [key, value] : c.options)
    if (auto done = options->set(key, value); !done) {
      std::string said = "error " + std::to_string(static_cast<int>(done.error().status()));
      set = false;
      same = c.expected == std::vector{said};
    }
  same &= c.documents.put(*batch) && c.answers.put(*answers);
  if (!set) return same;
  auto compare = [&](auto actual_of) {
    for (auto& expected : c.expected)
      if (auto found = actual_of(expected); found != expected) {
        std::cout << c.name << ":\n  expected " << expected << "\n  found    " << found << '\n';
        same = false;
      }
    return same;
  };
  if (c.align) {
    auto alignment = mtl::align(*batch, *answers, &*options);
    return compare([&](auto& expected) { return actual(alignment, expected); });
  }
  auto tagged = mtl::tag(model, *batch, &*options);
  return compare([&](auto& expected) { return actual(model, tagged, expected); });
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
    if (word == "case") c = Case(), c.name = rest;
    if (word == "align") c.align = true;
    if (word == "option") c.options.emplace_back(rest.substr(0, rest.find(' ')), rest.substr(rest.find(' ') + 1));
    if (word == "expect") c.expected.push_back(rest);
    if (bool answer = word.rfind("answer-", 0) == 0; answer || word == "text" || word == "tokens") {
      Texts::Document document{word == "text" || word == "answer-text", {}};
      for (std::string hex; in >> hex;) document.words.push_back(unhex(hex));
      (answer ? c.answers : c.documents).documents.push_back(document);
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
