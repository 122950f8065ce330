// Which words of an exercise will a learner get wrong? score BUNDLE TRACK USER SENTENCE [ANSWER] prints each word of the
// sentence with P(mistake), and, once there is an ANSWER, whether the learner got it right or wrong. Errors are thrown.
#include <mtl.hpp>

#include <cstdio>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

// The words between blanks.
std::vector<std::string_view> cut(std::string_view sentence) {
  std::vector<std::string_view> words;
  for (std::size_t start = 0; (start = sentence.find_first_not_of(' ', start)) != sentence.npos;) {
    std::size_t end = sentence.find(' ', start);
    words.push_back(sentence.substr(start, end - start));
    start = end;
  }
  return words;
}

void score(const char* path, std::string_view track, std::string_view user, std::string_view sentence,
           const char* answer) {
  auto model = mtl::Model::open(mtl::Bundle::open(path).value()).value();
  auto words = cut(sentence);
  auto exercises = mtl::Exercises::make().value();
  exercises.add(words).value();
  exercises.set("track", track).value();
  exercises.set("user", user).value();
  auto scores = mtl::score(model, exercises).value();
  if (auto error = scores.error(0)) throw std::runtime_error(std::string(error.message()));
  auto found = scores.probabilities().value();

  auto correct = mtl::Batch::make().value(), answers = mtl::Batch::make().value();
  correct.add_tokens(words).value();
  answers.add_tokens(cut(answer == nullptr ? "" : answer)).value();
  auto alignment = mtl::align(correct, answers).value();
  auto aligned = alignment.words().value();
  for (std::size_t i = 0; i < words.size(); ++i) {
    const char* outcome = answer == nullptr ? "" : aligned.mistake[i] ? "\twrong" : "\tright";
    std::printf("%.*s\t%.3f%s\n", static_cast<int>(words[i].size()), words[i].data(), found.probability[i], outcome);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::cerr << "usage: " << argv[0] << " BUNDLE TRACK USER SENTENCE [ANSWER]\n";
    return 2;
  }
  try {
    score(argv[1], argv[2], argv[3], argv[4], argc > 5 ? argv[5] : nullptr);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  return 0;
}
