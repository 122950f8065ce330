// Tests of mtl.hpp: main BUNDLE.
#include <mtl.hpp>

#include <array>
#include <cstdio>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

namespace {

const char* path;
int faults;

void check(bool holds, const char* text, int line) {
  if (!holds) {
    ++faults;
    std::printf("tests/cpp/main.cpp:%d: does not hold: %s\n", line, text);
  }
}
#define CHECK(...) check((__VA_ARGS__), #__VA_ARGS__, __LINE__)

mtl::Model open_model() { return mtl::Model::open(mtl::Bundle::open(path).value()).value(); }

template <class T>
constexpr bool move_only = std::is_move_constructible_v<T> && std::is_move_assignable_v<T> &&
                           !std::is_copy_constructible_v<T> && std::is_nothrow_move_constructible_v<T>;

void objects_move_and_do_not_copy() {
  static_assert(move_only<mtl::Error> && move_only<mtl::Options> && move_only<mtl::Cancel> && move_only<mtl::Env>);
  static_assert(move_only<mtl::Bundle> && move_only<mtl::Model> && move_only<mtl::Batch> && move_only<mtl::Tagged>);
  static_assert(move_only<mtl::Alignment> && move_only<mtl::Exercises> && move_only<mtl::Learner> && move_only<mtl::Scores> && move_only<mtl::BilstmCrf>);
  static_assert(move_only<mtl::Slot> && move_only<mtl::Expected<mtl::Model>>);
  auto batch = mtl::Batch::make().value();
  batch.add_text("Ada sails.").value();
  mtl::Batch moved = std::move(batch);
  CHECK(moved.count() == 1 && batch.raw() == nullptr && batch.count() == 0);
  auto refused = batch.add_text("again");
  CHECK(!refused && refused.error().status() == mtl::Status::argument);
  CHECK(sizeof(mtl::Model) == sizeof(void*));
}

void versions_and_names() {
  CHECK(mtl::abi_version() == MTL_ABI_VERSION && mtl::version() == mtl_version());
  CHECK(mtl::build_info().front() == '{');
  CHECK(mtl::status_name(mtl::Status::ok) == "MTL_OK");
  CHECK(mtl::status_name(mtl::Status::unsupported) == "MTL_ERROR_UNSUPPORTED");
}

void errors_are_values_or_exceptions() {
  auto bundle = mtl::Bundle::open("no/such/bundle");
  CHECK(!bundle && bundle.error().status() == mtl::Status::io);
  CHECK(bundle.error().message().find("no/such/bundle") != std::string_view::npos);
  CHECK(bundle.error().detail("place").size() > 0 && bundle.error().detail("colour").empty());
  try {
    mtl::Bundle::open("no/such/bundle").value();
    CHECK(!"reached");
  } catch (const std::exception& thrown) {
    auto* exception = dynamic_cast<const mtl::Exception*>(&thrown);
    CHECK(exception != nullptr && exception->status() == mtl::Status::io);
    CHECK(std::string(thrown.what()).find("no/such/bundle") != std::string::npos);
  }
  CHECK(!mtl::ErrorView() && mtl::ErrorView().status() == mtl::Status::ok && mtl::ErrorView().message().empty());
}

void text_in_and_spans_out() {
  mtl::Model model = open_model();
  auto options = mtl::Options::make().value();
  for (auto [key, value] : {std::pair("language", "en"), std::pair("scores", "true"), std::pair("nbest", "2")})
    options.set(key, value).value();
  auto batch = mtl::Batch::make().value();
  const std::vector<std::string_view> words = {"Ada", "sails", "."};
  const std::array<std::uint64_t, 3> offsets = {0, 3, 10};
  const std::uint64_t documents[] = {0, 2};
  batch.add_text("Maria Jensen moved to Toronto.").value();
  batch.add_tokens(words).value();
  batch.add_texts_packed("Ada sails.", offsets).value();
  batch.add_tokens_packed("Ada sails.", offsets, documents).value();
  batch.add_text("\xff").value();
  CHECK(batch.count() == 6);
  auto tagged = mtl::tag(model, batch, &options).value();
  auto found = tagged.documents().value();
  auto tokens = tagged.tokens().value();
  CHECK(found.count == 6 && found.status[0] == MTL_OK && found.status[5] == MTL_ERROR_INPUT);
  CHECK(found.language[5] == mtl::none && found.sentences.size() == 7);
  CHECK(tagged.error(5).status() == mtl::Status::input && !tagged.error(0));
  CHECK(tokens.start.size() == tokens.count && tokens.end[0] == 5 && tokens.sentences[1] == 6);
  for (std::uint32_t task = 0; task < model.task_count(); ++task) {
    auto tags = tagged.tags(task).value();
    auto spans = tagged.spans(task).value();
    auto paths = tagged.paths(task).value();
    CHECK(tags.label.size() == tokens.count && tags.score.size() == tokens.count);
    CHECK(model.label(task, tags.label[0]).size() > 0);
    for (std::uint32_t i = 0; i < spans.count; ++i) CHECK(!model.span_label(task, spans.label[i]).empty());
    CHECK(paths.count >= tokens.sentence_count && paths.label.size() == paths.labels[paths.count]);
  }
  CHECK(!tagged.tags(99) && tagged.tags(99).error().status() == mtl::Status::argument);
  batch.clear().value();
  CHECK(batch.count() == 0);
#if defined(__cpp_lib_span)
  std::span<const std::uint32_t> starts = tokens.start;
  CHECK(starts.size() == tokens.count);
#endif
}

void models_say_what_they_are() {
  mtl::Model model = open_model(), other = model.retain();
  CHECK(other.raw() == model.raw());
  auto ner = model.task_find("ner").value();
  CHECK(model.task_name(ner) == "ner" && model.label_count(ner) > 0 && model.span_label_count(ner) > 0);
  CHECK(!model.task_find("colours") && model.task_name(99).empty() && model.label(ner, 999).empty());
  std::uint32_t known = 0;
  for (std::uint32_t i = 0; i < model.language_count(); ++i) known += model.task_knows(ner, i);
  CHECK(known > 0 && !model.task_knows(ner, model.language_count()));
  CHECK(model.language(0).size() == 2 && model.language_count() > 0);
  CHECK(model.manifest().front() == '{' && model.report().find("native") != std::string_view::npos);
  CHECK(mtl::Bundle::open(path).value().digest().size() == 64);
  CHECK(mtl::Bundle::open(path).value().manifest().front() == '{');
  CHECK(!mtl::Bundle::open_memory({}) && !mtl::Bundle::open_descriptor(-1, 0, 0));
}

void tokens_and_deadlines_stop_calls() {
  mtl::Model model = open_model();
  auto batch = mtl::Batch::make().value();
  batch.add_text("Ada sails.").value();
  auto fired = mtl::Cancel::make().value();
  CHECK(bool(mtl::tag(model, batch, nullptr, &fired)));
  fired.fire().value();
  CHECK(mtl::tag(model, batch, nullptr, &fired).error().status() == mtl::Status::cancelled);
  auto late = mtl::Cancel::make(std::chrono::milliseconds(0)).value();
  CHECK(mtl::tag(model, batch, nullptr, &late).error().status() == mtl::Status::deadline);
}

void slots_swap_and_environments_share() {
  auto env = mtl::Env::make(1).value();
  auto bundle = mtl::Bundle::open(path).value();
  auto slot = mtl::Slot::make(mtl::Model::open(bundle, nullptr, &env).value()).value();
  env.trim().value();
  std::vector<std::thread> threads;
  std::array<int, 4> good{};
  for (int& mine : good)
    threads.emplace_back([&slot, &mine] {
      auto batch = mtl::Batch::make().value();
      batch.add_text("Ada sails.").value();
      for (int i = 0; i < 20; ++i) mine += bool(mtl::tag(slot.get().value(), batch));
    });
  for (int i = 0; i < 5; ++i) slot.set(mtl::Model::open(bundle, nullptr, &env).value()).value();
  for (auto& thread : threads) thread.join();
  for (int mine : good) CHECK(mine == 20);
}

void the_kernels_are_there() {
  const float start[] = {0, 1}, end[] = {0, 0}, transitions[] = {0, 0, 0, 0}, data[] = {0, 0, 3, 0};
  const std::uint32_t lengths[] = {2};
  mtl_crf crf = {sizeof crf, 2, start, end, transitions};
  mtl_sequences emissions = {sizeof emissions, MTL_F32, data, 4, 4, 2, 1, lengths};
  std::array<std::uint32_t, 2> labels{};
  std::array<float, 4> marginals{};
  float score = 0;
  double log_z = 0;
  mtl::crf_viterbi(crf, emissions, labels, &score).value();
  CHECK(labels[0] == 1 && labels[1] == 0 && score == 4);
  mtl::crf_marginals(crf, emissions, 1, marginals, &log_z).value();
  CHECK(marginals[0] + marginals[1] > 0.999F && marginals[2] > 0.9F && log_z > 4);
  CHECK(!mtl::crf_viterbi(crf, emissions, {}));
  const std::vector<float> zeros(32);
  mtl_bilstm bilstm = {sizeof bilstm, MTL_F32, 2, 1, zeros.data(), zeros.data(), zeros.data(), zeros.data(), zeros.data()};
  auto network = mtl::BilstmCrf::make(bilstm, crf).value();
  CHECK(network.inputs() == 2);
  network.decode(emissions, labels, &score).value();
  CHECK(labels[0] == 1 && score == 1);
  CHECK(!network.decode(emissions, {}) && !mtl::BilstmCrf::make({}, crf));
}

void answers_are_aligned() {
  auto correct = mtl::Batch::make().value(), answers = mtl::Batch::make().value();
  correct.add_text("She is my mother").value();
  correct.add_text("no").value();
  answers.add_text("She is mi mader").value();
  answers.add_text("\xff").value();
  auto alignment = mtl::align(correct, answers).value();
  auto pairs = alignment.pairs().value();
  auto words = alignment.words().value();
  auto edits = alignment.edits().value();
  CHECK(pairs.count == 2 && pairs.word_error_rate[0] == 0.5 && pairs.status[1] == MTL_ERROR_INPUT);
  CHECK(words.count == 4 && words.mistake[1] == 0 && words.mistake[2] == 1 && words.end[3] == 16);
  CHECK(edits.count == 4 && edits.kind[3] == MTL_EDIT_SUBSTITUTE && edits.word[3] == 3 && edits.start[3] == 10);
  CHECK(alignment.error(1).status() == mtl::Status::input && !alignment.error(0));
  auto options = mtl::Options::make().value();
  options.set("scores", "true").value();
  CHECK(mtl::align(correct, answers, &options).error().status() == mtl::Status::argument);
}

void exercises_are_for_scorers() {
  auto exercises = mtl::Exercises::make().value();
  CHECK(exercises.set("user", "ada").error().status() == mtl::Status::argument);
  const std::vector<std::string_view> words = {"la", "casa"};
  exercises.add(words).value();
  exercises.set("user", "ada").value();
  mtl_exercise_columns none{};
  none.struct_size = sizeof none;
  exercises.add_columns(none).value();
  CHECK(exercises.count() == 1);
  auto scores = mtl::score(open_model(), exercises);
  CHECK(!scores && scores.error().message().find("scorer") != std::string_view::npos);
  auto bundle = mtl::Bundle::open(std::string(path) + "/../sla-demo").value();
  auto model = mtl::Model::open(bundle).value();
  exercises.set("track", "en_es").value();
  auto found = mtl::score(model, exercises).value();
  auto probabilities = found.probabilities().value();
  CHECK(probabilities.count == 1 && probabilities.status[0] == MTL_OK && probabilities.probability.size() == 2);
  CHECK(probabilities.probability[0] > 0 && probabilities.probability[0] < 1 && !found.error(0));
  exercises.clear().value();
  CHECK(exercises.count() == 0 && mtl::score(model, exercises).value().probabilities().value().count == 0);
}

void learners_are_fitted_stored_and_scored() {
  auto bundle = mtl::Bundle::open(std::string(path) + "/../sla-demo").value();
  auto model = mtl::Model::open(bundle).value();
  auto exercises = mtl::Exercises::make().value();
  const std::vector<std::string_view> words = {"the", "boy"};
  exercises.add(words).value();
  exercises.set("user", "somebody new").value();
  exercises.set("track", "en_es").value();
  CHECK(mtl::scorer_adapt(model, exercises).error().status() == mtl::Status::argument);
  exercises.set_mistakes(std::vector<std::uint8_t>{1, 1}).value();
  CHECK(mtl::scorer_remember(model, exercises).error().status() == mtl::Status::argument);
  auto learner = mtl::scorer_adapt(model, exercises).value();
  CHECK(learner.user() == "somebody new" && learner.words() == 2);
  auto stored = mtl::Learner::load(learner.save()).value();
  auto more = mtl::scorer_adapt(model, exercises, &stored).value();
  CHECK(more.words() == 4 && more.save().size() == learner.save().size());
  CHECK(mtl::Learner::load(mtl::Span<const std::uint8_t>()).error().status() == mtl::Status::input);
  float before = mtl::score(model, exercises).value().probabilities().value().probability[0];
  exercises.add_learner(more).value();
  float after = mtl::score(model, exercises).value().probabilities().value().probability[0];
  CHECK(before < after);
}

void the_log_is_heard() {
  std::string heard;
  auto listen = [](void* user, std::uint32_t, const char* message, std::size_t length) {
    static_cast<std::string*>(user)->append(message, length);
  };
  mtl::log_set(listen, &heard, MTL_LOG_INFO).value();
  open_model();
  mtl::log_set(nullptr, nullptr, 0).value();
  CHECK(heard.find("opened") != std::string::npos);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  path = argv[1];
  int passed = 0, failed = 0;
  for (auto test : {objects_move_and_do_not_copy, versions_and_names, errors_are_values_or_exceptions,
                    text_in_and_spans_out, models_say_what_they_are, tokens_and_deadlines_stop_calls,
                    slots_swap_and_environments_share, the_kernels_are_there, answers_are_aligned, exercises_are_for_scorers, learners_are_fitted_stored_and_scored,
                    the_log_is_heard}) {
    faults = 0;
    try {
      test();
    } catch (const std::exception& thrown) {
      ++faults;
      std::printf("thrown: %s\n", thrown.what());
    }
    ++(faults ? failed : passed);
  }
  std::printf("tests/cpp: %d passed, %d failed\n", passed, failed);
  return failed != 0;
}
