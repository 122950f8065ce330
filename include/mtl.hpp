// libmtl for C++17: move-only objects, string_view in, spans out. Header-only, over mtl.h.
//
//   auto model = mtl::Model::open(mtl::Bundle::open("models/mtl-base").value()).value();
//   auto batch = mtl::Batch::make().value();
//   batch.add_text("Maria Jensen moved to Toronto.").value();
//   auto tagged = mtl::tag(model, batch).value();
//   auto ner = model.task_find("ner").value();
//   auto spans = tagged.spans(ner).value();
//   for (std::uint32_t i = 0; i < spans.count; ++i)
//     std::cout << spans.start[i] << ' ' << model.span_label(ner, spans.label[i]) << '\n';
//
// It is no second API: each name is one of mtl.h, whose comments are the manual and whose laws hold. mtl_batch_add_text
// is Batch::add_text, mtl_model_open is Model::open, mtl_tag is tag; _new is make. Objects free themselves; raw() lends
// the C object, and the explicit constructor takes one over. A string_view or Span belongs to the object that gave it.
//
// What can fail returns an Expected: true if it worked, then *it is the value; otherwise error() is the Error. Those who
// prefer exceptions write value(), which throws mtl::Exception; without exceptions (-fno-exceptions) it is not there.
// An object that was moved from holds NULL; calls with it are MTL_ERROR_ARGUMENT.
#ifndef MTL_HPP
#define MTL_HPP

#include "mtl.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>
#if defined(__cpp_exceptions)
#include <exception>
#endif
#if __has_include(<span>) && __cplusplus >= 202002L
#include <span>
#endif

namespace mtl {

// mtl_status, by the same numbers; a library newer than this header may give others.
enum class Status : std::int32_t {
  ok = MTL_OK,
  argument = MTL_ERROR_ARGUMENT,
  input = MTL_ERROR_INPUT,
  io = MTL_ERROR_IO,
  bundle = MTL_ERROR_BUNDLE,
  integrity = MTL_ERROR_INTEGRITY,
  limit = MTL_ERROR_LIMIT,
  engine = MTL_ERROR_ENGINE,
  provider = MTL_ERROR_PROVIDER,
  cancelled = MTL_ERROR_CANCELLED,
  deadline = MTL_ERROR_DEADLINE,
  panic = MTL_ERROR_PANIC,
  poisoned = MTL_ERROR_POISONED,
  forked = MTL_ERROR_FORKED,
  unsupported = MTL_ERROR_UNSUPPORTED,
};

// In a column of labels or languages: there is none.
inline constexpr std::uint32_t none = MTL_NONE;

inline std::uint32_t abi_version() { return mtl_abi_version(); }
inline std::uint32_t version() { return mtl_version(); }
inline std::string_view build_info() { return mtl_build_info(); }
inline std::string_view status_name(Status status) { return mtl_status_name(static_cast<std::int32_t>(status)); }

// Contiguous elements of somebody else's; converts to std::span where there is one.
template <class T>
class Span {
 public:
  constexpr Span() = default;
  constexpr Span(T* data, std::size_t size) : data_(data), size_(size) {}
  // From an array, std::vector, std::array, std::span.
  template <class C, class = std::enable_if_t<!std::is_same_v<std::decay_t<C>, Span>>,
            class = std::enable_if_t<std::is_convertible_v<decltype(std::data(std::declval<C&>())), T*>>>
  constexpr Span(C&& elements) : data_(std::data(elements)), size_(std::size(elements)) {}

  constexpr T* data() const { return data_; }
  constexpr std::size_t size() const { return size_; }
  constexpr bool empty() const { return size_ == 0; }
  constexpr T& operator[](std::size_t index) const { return data_[index]; }
  constexpr T* begin() const { return data_; }
  constexpr T* end() const { return data_ + size_; }
#if defined(__cpp_lib_span)
  constexpr operator std::span<T>() const { return {data_, size_}; }
#endif

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

// An error that belongs to somebody else, or to nobody: then its status is ok and its message empty.
class ErrorView {
 public:
  explicit ErrorView(const mtl_error* raw = nullptr) : raw_(raw) {}

  explicit operator bool() const { return raw_ != nullptr; }
  Status status() const { return static_cast<Status>(mtl_error_status(raw_)); }
  // Ended by a NUL.
  std::string_view message() const {
    std::size_t length = 0;
    const char* text = mtl_error_message(raw_, &length);
    return {text, length};
  }
  // `key` is "place", "fault" or "remedy"; empty where there is no such detail.
  std::string_view detail(std::string_view key) const {
    std::size_t length = 0;
    const char* text = mtl_error_detail(raw_, key.data(), key.size(), &length);
    return {text, text == nullptr ? 0 : length};
  }
  const mtl_error* raw() const { return raw_; }

 private:
  const mtl_error* raw_;
};

namespace detail {

template <auto free>
struct Free {
  template <class T>
  void operator()(T* object) const {
    free(object);
  }
};

template <class T, auto free>
using Owned = std::unique_ptr<T, Free<free>>;

// A view that C wrote through a length.
template <class Call>
std::string_view text(Call call) {
  std::size_t length = 0;
  const char* data = call(&length);
  return {data, data == nullptr ? 0 : length};
}

}  // namespace detail

// Why a call failed.
class Error {
 public:
  explicit Error(mtl_error* raw) : raw_(raw) {}

  ErrorView view() const { return ErrorView(raw_.get()); }
  Status status() const { return view().status(); }
  std::string_view message() const { return view().message(); }
  std::string_view detail(std::string_view key) const { return view().detail(key); }
  const mtl_error* raw() const { return raw_.get(); }

 private:
  detail::Owned<mtl_error, mtl_error_free> raw_;
};

#if defined(__cpp_exceptions)
// What value() throws: an Error that can be copied.
class Exception : public std::exception {
 public:
  explicit Exception(Error error) : error_(std::make_shared<const Error>(std::move(error))) {}

  const char* what() const noexcept override { return mtl_error_message(error_->raw(), nullptr); }
  const Error& error() const { return *error_; }
  Status status() const { return error_->status(); }

 private:
  std::shared_ptr<const Error> error_;
};
#endif

// A value, or the error that there is instead. It is true where there is a value.
template <class T>
class [[nodiscard]] Expected {
 public:
  Expected(T value) : content_(std::in_place_index<0>, std::move(value)) {}
  Expected(Error error) : content_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return content_.index() == 0; }
  // The value; there must be one.
  T& operator*() & { return *std::get_if<0>(&content_); }
  const T& operator*() const& { return *std::get_if<0>(&content_); }
  T&& operator*() && { return std::move(*std::get_if<0>(&content_)); }
  T* operator->() { return std::get_if<0>(&content_); }
  const T* operator->() const { return std::get_if<0>(&content_); }
  // The error; there must be one.
  Error& error() { return *std::get_if<1>(&content_); }
  const Error& error() const { return *std::get_if<1>(&content_); }
#if defined(__cpp_exceptions)
  // The value, moved out; throws the error, moved out, where there is none.
  T value() {
    if (!*this) throw Exception(std::move(error()));
    return std::move(**this);
  }
#endif

 private:
  std::variant<T, Error> content_;
};

template <>
class [[nodiscard]] Expected<void> {
 public:
  Expected() = default;
  Expected(Error error) : error_(std::move(error)) {}

  explicit operator bool() const { return !error_; }
  Error& error() { return *error_; }
  const Error& error() const { return *error_; }
#if defined(__cpp_exceptions)
  void value() {
    if (error_) throw Exception(std::move(*error_));
  }
#endif

 private:
  std::optional<Error> error_;
};

namespace detail {

// A call that gives nothing: call(out_error).
template <class Call>
Expected<void> done(Call call) {
  mtl_error* error = nullptr;
  if (call(&error) != MTL_OK) return Error(error);
  return {};
}

// A call that gives what a T is made of: call(out, out_error).
template <class T, class Raw, class Call>
Expected<T> made(Call call) {
  Raw raw{};
  mtl_error* error = nullptr;
  if (call(&raw, &error) != MTL_OK) return Error(error);
  return T(raw);
}

// The same for a view, which is told its size.
template <class T, class Raw, class Call>
Expected<T> viewed(Call call) {
  Raw raw{};
  raw.struct_size = sizeof(Raw);
  mtl_error* error = nullptr;
  if (call(&raw, &error) != MTL_OK) return Error(error);
  return T(raw);
}

// Strings as C takes them.
struct Strings {
  explicit Strings(Span<const std::string_view> strings) {
    for (std::string_view string : strings) {
      data.push_back(string.data());
      lengths.push_back(string.size());
    }
  }
  std::vector<const char*> data;
  std::vector<std::size_t> lengths;
};

template <class T>
auto raw_or_null(const T* object) {
  return object == nullptr ? nullptr : object->raw();
}

}  // namespace detail

inline Expected<void> log_set(mtl_log_fn function, void* user, std::uint32_t level) {
  return detail::done([&](auto error) { return mtl_log_set(function, user, level, error); });
}

class Options {
 public:
  explicit Options(mtl_options* raw) : raw_(raw) {}
  static Expected<Options> make() { return detail::made<Options, mtl_options*>(mtl_options_new); }

  Expected<void> set(std::string_view key, std::string_view value) {
    return detail::done([&](auto error) {
      return mtl_options_set(raw_.get(), key.data(), key.size(), value.data(), value.size(), error);
    });
  }
  const mtl_options* raw() const { return raw_.get(); }

 private:
  detail::Owned<mtl_options, mtl_options_free> raw_;
};

class Cancel {
 public:
  explicit Cancel(mtl_cancel* raw) : raw_(raw) {}
  // A negative time sets no deadline.
  static Expected<Cancel> make(std::chrono::milliseconds deadline = std::chrono::milliseconds(-1)) {
    return detail::made<Cancel, mtl_cancel*>(
        [&](auto out, auto error) { return mtl_cancel_new(deadline.count(), out, error); });
  }

  Expected<void> fire() const {
    return detail::done([&](auto error) { return mtl_cancel_fire(raw_.get(), error); });
  }
  const mtl_cancel* raw() const { return raw_.get(); }

 private:
  detail::Owned<mtl_cancel, mtl_cancel_free> raw_;
};

class Env {
 public:
  explicit Env(mtl_env* raw) : raw_(raw) {}
  static Expected<Env> make(std::uint32_t threads) {
    return detail::made<Env, mtl_env*>([&](auto out, auto error) { return mtl_env_new(threads, out, error); });
  }

  Expected<void> trim() const {
    return detail::done([&](auto error) { return mtl_env_trim(raw_.get(), error); });
  }
  const mtl_env* raw() const { return raw_.get(); }

 private:
  detail::Owned<mtl_env, mtl_env_free> raw_;
};

class Bundle {
 public:
  explicit Bundle(mtl_bundle* raw) : raw_(raw) {}
  static Expected<Bundle> open(std::string_view path, const Options* options = nullptr) {
    return detail::made<Bundle, mtl_bundle*>([&](auto out, auto error) {
      return mtl_bundle_open(path.data(), path.size(), detail::raw_or_null(options), out, error);
    });
  }
  static Expected<Bundle> open_memory(Span<const unsigned char> data, const Options* options = nullptr) {
    return detail::made<Bundle, mtl_bundle*>([&](auto out, auto error) {
      return mtl_bundle_open_memory(data.data(), data.size(), detail::raw_or_null(options), out, error);
    });
  }
  static Expected<Bundle> open_descriptor(std::int32_t descriptor, std::uint64_t offset, std::uint64_t length,
                                          const Options* options = nullptr) {
    return detail::made<Bundle, mtl_bundle*>([&](auto out, auto error) {
      return mtl_bundle_open_descriptor(descriptor, offset, length, detail::raw_or_null(options), out, error);
    });
  }

  std::string_view digest() const {
    return detail::text([&](auto length) { return mtl_bundle_digest(raw_.get(), length); });
  }
  std::string_view manifest() const {
    return detail::text([&](auto length) { return mtl_bundle_manifest(raw_.get(), length); });
  }
  const mtl_bundle* raw() const { return raw_.get(); }

 private:
  detail::Owned<mtl_bundle, mtl_bundle_free> raw_;
};

// One reference to a model; retain() gives another.
class Model {
 public:
  explicit Model(const mtl_model* raw) : raw_(raw) {}
  static Expected<Model> open(const Bundle& bundle, const Options* options = nullptr, const Env* env = nullptr) {
    return detail::made<Model, const mtl_model*>([&](auto out, auto error) {
      return mtl_model_open(bundle.raw(), detail::raw_or_null(options), detail::raw_or_null(env), out, error);
    });
  }
  Model retain() const { return Model(mtl_model_retain(raw_.get())); }

  std::string_view manifest() const {
    return detail::text([&](auto length) { return mtl_model_manifest(raw_.get(), length); });
  }
  std::string_view report() const {
    return detail::text([&](auto length) { return mtl_model_report(raw_.get(), length); });
  }
  std::uint32_t language_count() const { return mtl_model_language_count(raw_.get()); }
  std::string_view language(std::uint32_t index) const {
    return detail::text([&](auto length) { return mtl_model_language(raw_.get(), index, length); });
  }
  std::uint32_t task_count() const { return mtl_model_task_count(raw_.get()); }
  std::string_view task_name(std::uint32_t task) const {
    return detail::text([&](auto length) { return mtl_model_task_name(raw_.get(), task, length); });
  }
  Expected<std::uint32_t> task_find(std::string_view name) const {
    return detail::made<std::uint32_t, std::uint32_t>([&](auto out, auto error) {
      return mtl_model_task_find(raw_.get(), name.data(), name.size(), out, error);
    });
  }
  bool task_knows(std::uint32_t task, std::uint32_t language) const {
    return mtl_model_task_knows(raw_.get(), task, language) != 0;
  }
  std::uint32_t label_count(std::uint32_t task) const { return mtl_model_label_count(raw_.get(), task); }
  std::string_view label(std::uint32_t task, std::uint32_t label) const {
    return detail::text([&](auto length) { return mtl_model_label(raw_.get(), task, label, length); });
  }
  std::uint32_t span_label_count(std::uint32_t task) const { return mtl_model_span_label_count(raw_.get(), task); }
  std::string_view span_label(std::uint32_t task, std::uint32_t label) const {
    return detail::text([&](auto length) { return mtl_model_span_label(raw_.get(), task, label, length); });
  }
  const mtl_model* raw() const { return raw_.get(); }

 private:
  detail::Owned<const mtl_model, mtl_model_release> raw_;
};

class Batch {
 public:
  explicit Batch(mtl_batch* raw) : raw_(raw) {}
  static Expected<Batch> make() { return detail::made<Batch, mtl_batch*>(mtl_batch_new); }

  Expected<void> add_text(std::string_view text) {
    return detail::done([&](auto error) { return mtl_batch_add_text(raw_.get(), text.data(), text.size(), error); });
  }
  Expected<void> add_tokens(Span<const std::string_view> tokens) {
    detail::Strings strings(tokens);
    return detail::done([&](auto error) {
      return mtl_batch_add_tokens(raw_.get(), strings.data.data(), strings.lengths.data(), strings.data.size(), error);
    });
  }
  // `offsets` has one element more than there are documents.
  Expected<void> add_texts_packed(std::string_view data, Span<const std::uint64_t> offsets) {
    return detail::done([&](auto error) {
      return mtl_batch_add_texts_packed(raw_.get(), data.data(), data.size(), offsets.data(), before(offsets), error);
    });
  }
  Expected<void> add_tokens_packed(std::string_view data, Span<const std::uint64_t> token_offsets,
                                   Span<const std::uint64_t> document_offsets) {
    return detail::done([&](auto error) {
      return mtl_batch_add_tokens_packed(raw_.get(), data.data(), data.size(), token_offsets.data(),
                                         before(token_offsets), document_offsets.data(), before(document_offsets),
                                         error);
    });
  }
  std::size_t count() const { return mtl_batch_count(raw_.get()); }
  Expected<void> clear() {
    return detail::done([&](auto error) { return mtl_batch_clear(raw_.get(), error); });
  }
  const mtl_batch* raw() const { return raw_.get(); }

 private:
  static std::size_t before(Span<const std::uint64_t> offsets) { return offsets.empty() ? 0 : offsets.size() - 1; }

  detail::Owned<mtl_batch, mtl_batch_free> raw_;
};

// The views of mtl.h, their columns as spans.
struct Documents {
  explicit Documents(const mtl_documents& raw)
      : count(raw.count), status(raw.status, count), language(raw.language, count), sentences(raw.sentences, count + 1) {}
  std::uint32_t count;
  Span<const std::int32_t> status;
  Span<const std::uint32_t> language, sentences;
};

struct Tokens {
  explicit Tokens(const mtl_tokens& raw)
      : count(raw.count), sentence_count(raw.sentence_count), start(raw.start, count), end(raw.end, count),
        sentences(raw.sentences, sentence_count + 1) {}
  std::uint32_t count, sentence_count;
  Span<const std::uint32_t> start, end, sentences;
};

// `score` is empty unless scores were asked for.
struct Tags {
  explicit Tags(const mtl_tags& raw)
      : count(raw.count), label(raw.label, count), score(raw.score, raw.score == nullptr ? 0 : count) {}
  std::uint32_t count;
  Span<const std::uint32_t> label;
  Span<const float> score;
};

// `score` is empty unless scores were asked for.
struct Spans {
  explicit Spans(const mtl_spans& raw)
      : count(raw.count), document(raw.document, count), first_token(raw.first_token, count),
        end_token(raw.end_token, count), start(raw.start, count), end(raw.end, count), label(raw.label, count),
        score(raw.score, raw.score == nullptr ? 0 : count) {}
  std::uint32_t count;
  Span<const std::uint32_t> document, first_token, end_token, start, end, label;
  Span<const float> score;
};

struct Paths {
  explicit Paths(const mtl_paths& raw)
      : count(raw.count), sentence(raw.sentence, count), probability(raw.probability, count),
        labels(raw.labels, count + 1), label(raw.label, raw.labels[count]) {}
  std::uint32_t count;
  Span<const std::uint32_t> sentence;
  Span<const double> probability;
  Span<const std::uint32_t> labels, label;
};

// An mtl_result.
class Tagged {
 public:
  explicit Tagged(mtl_result* raw) : raw_(raw) {}

  Expected<Documents> documents() const {
    return detail::viewed<Documents, mtl_documents>(
        [&](auto out, auto error) { return mtl_result_documents(raw_.get(), out, error); });
  }
  Expected<Tokens> tokens() const {
    return detail::viewed<Tokens, mtl_tokens>(
        [&](auto out, auto error) { return mtl_result_tokens(raw_.get(), out, error); });
  }
  Expected<Tags> tags(std::uint32_t task) const {
    return detail::viewed<Tags, mtl_tags>(
        [&](auto out, auto error) { return mtl_result_tags(raw_.get(), task, out, error); });
  }
  Expected<Spans> spans(std::uint32_t task) const {
    return detail::viewed<Spans, mtl_spans>(
        [&](auto out, auto error) { return mtl_result_spans(raw_.get(), task, out, error); });
  }
  Expected<Paths> paths(std::uint32_t task) const {
    return detail::viewed<Paths, mtl_paths>(
        [&](auto out, auto error) { return mtl_result_paths(raw_.get(), task, out, error); });
  }
  ErrorView error(std::uint32_t document) const { return ErrorView(mtl_result_error(raw_.get(), document)); }
  const mtl_result* raw() const { return raw_.get(); }

 private:
  detail::Owned<mtl_result, mtl_result_free> raw_;
};

inline Expected<Tagged> tag(const Model& model, const Batch& batch, const Options* options = nullptr,
                            const Cancel* cancel = nullptr) {
  return detail::made<Tagged, mtl_result*>([&](auto out, auto error) {
    return mtl_tag(model.raw(), batch.raw(), detail::raw_or_null(options), detail::raw_or_null(cancel), out, error);
  });
}

// The views of an alignment, their columns as spans.
struct Pairs {
  explicit Pairs(const mtl_pairs& raw)
      : count(raw.count), status(raw.status, count), word_error_rate(raw.word_error_rate, count),
        words(raw.words, count + 1), edits(raw.edits, count + 1) {}
  std::uint32_t count;
  Span<const std::int32_t> status;
  Span<const double> word_error_rate;
  Span<const std::uint32_t> words, edits;
};

struct Words {
  explicit Words(const mtl_words& raw)
      : count(raw.count), start(raw.start, count), end(raw.end, count), mistake(raw.mistake, count) {}
  std::uint32_t count;
  Span<const std::uint32_t> start, end;
  Span<const std::uint8_t> mistake;
};

// `kind` is one of MTL_EDIT_MATCH, MTL_EDIT_SUBSTITUTE, MTL_EDIT_DELETE, MTL_EDIT_INSERT.
struct Edits {
  explicit Edits(const mtl_edits& raw)
      : count(raw.count), kind(raw.kind, count), word(raw.word, count), start(raw.start, count), end(raw.end, count) {}
  std::uint32_t count;
  Span<const std::uint8_t> kind;
  Span<const std::uint32_t> word, start, end;
};

class Alignment {
 public:
  explicit Alignment(mtl_alignment* raw) : raw_(raw) {}

  Expected<Pairs> pairs() const {
    return detail::viewed<Pairs, mtl_pairs>(
        [&](auto out, auto error) { return mtl_alignment_pairs(raw_.get(), out, error); });
  }
  Expected<Words> words() const {
    return detail::viewed<Words, mtl_words>(
        [&](auto out, auto error) { return mtl_alignment_words(raw_.get(), out, error); });
  }
  Expected<Edits> edits() const {
    return detail::viewed<Edits, mtl_edits>(
        [&](auto out, auto error) { return mtl_alignment_edits(raw_.get(), out, error); });
  }
  ErrorView error(std::uint32_t pair) const { return ErrorView(mtl_alignment_error(raw_.get(), pair)); }
  const mtl_alignment* raw() const { return raw_.get(); }

 private:
  detail::Owned<mtl_alignment, mtl_alignment_free> raw_;
};

inline Expected<Alignment> align(const Batch& correct, const Batch& answers, const Options* options = nullptr,
                                 const Cancel* cancel = nullptr) {
  return detail::made<Alignment, mtl_alignment*>([&](auto out, auto error) {
    return mtl_align(correct.raw(), answers.raw(), detail::raw_or_null(options), detail::raw_or_null(cancel), out, error);
  });
}

// What was learnt of one learner: an mtl_learner.
class Learner {
 public:
  explicit Learner(mtl_learner* raw) : raw_(raw) {}
  static Expected<Learner> load(Span<const std::uint8_t> bytes) {
    return detail::made<Learner, mtl_learner*>(
        [&](auto out, auto error) { return mtl_learner_load(bytes.data(), bytes.size(), out, error); });
  }

  Span<const std::uint8_t> save() const {
    std::size_t length = 0;
    const void* bytes = mtl_learner_save(raw_.get(), &length);
    return {static_cast<const std::uint8_t*>(bytes), length};
  }
  std::string_view user() const {
    std::size_t length = 0;
    const char* text = mtl_learner_user(raw_.get(), &length);
    return {text, length};
  }
  std::uint64_t words() const { return mtl_learner_words(raw_.get()); }
  const mtl_learner* raw() const { return raw_.get(); }

 private:
  detail::Owned<mtl_learner, mtl_learner_free> raw_;
};

class Exercises {
 public:
  explicit Exercises(mtl_exercises* raw) : raw_(raw) {}
  static Expected<Exercises> make() { return detail::made<Exercises, mtl_exercises*>(mtl_exercises_new); }

  Expected<void> add(Span<const std::string_view> words) {
    detail::Strings strings(words);
    return detail::done([&](auto error) {
      return mtl_exercises_add(raw_.get(), strings.data.data(), strings.lengths.data(), strings.data.size(), error);
    });
  }
  // What is known of the exercise that was added last.
  Expected<void> set(std::string_view key, std::string_view value) {
    return detail::done([&](auto error) {
      return mtl_exercises_set(raw_.get(), key.data(), key.size(), value.data(), value.size(), error);
    });
  }
  Expected<void> add_columns(const mtl_exercise_columns& columns) {
    return detail::done([&](auto error) { return mtl_exercises_add_columns(raw_.get(), &columns, error); });
  }
  // 1 for a mistake, else 0: of all words of the exercises that were added since the last call.
  Expected<void> set_mistakes(Span<const std::uint8_t> mistakes) {
    return detail::done(
        [&](auto error) { return mtl_exercises_set_mistakes(raw_.get(), mistakes.data(), mistakes.size(), error); });
  }
  Expected<void> add_learner(const Learner& learner) {
    return detail::done([&](auto error) { return mtl_exercises_add_learner(raw_.get(), learner.raw(), error); });
  }
  std::size_t count() const { return mtl_exercises_count(raw_.get()); }
  Expected<void> clear() {
    return detail::done([&](auto error) { return mtl_exercises_clear(raw_.get(), error); });
  }
  const mtl_exercises* raw() const { return raw_.get(); }

 private:
  detail::Owned<mtl_exercises, mtl_exercises_free> raw_;
};

struct Probabilities {
  explicit Probabilities(const mtl_probabilities& raw)
      : count(raw.count), status(raw.status, count), words(raw.words, count + 1),
        probability(raw.probability, raw.words[count]) {}
  std::uint32_t count;
  Span<const std::int32_t> status;
  Span<const std::uint32_t> words;
  Span<const float> probability;
};

// An mtl_scores.
class Scores {
 public:
  explicit Scores(mtl_scores* raw) : raw_(raw) {}

  Expected<Probabilities> probabilities() const {
    return detail::viewed<Probabilities, mtl_probabilities>(
        [&](auto out, auto error) { return mtl_scores_probabilities(raw_.get(), out, error); });
  }
  ErrorView error(std::uint32_t exercise) const { return ErrorView(mtl_scores_error(raw_.get(), exercise)); }
  const mtl_scores* raw() const { return raw_.get(); }

 private:
  detail::Owned<mtl_scores, mtl_scores_free> raw_;
};

inline Expected<Scores> score(const Model& model, const Exercises& exercises, const Options* options = nullptr,
                              const Cancel* cancel = nullptr) {
  return detail::made<Scores, mtl_scores*>([&](auto out, auto error) {
    return mtl_score(model.raw(), exercises.raw(), detail::raw_or_null(options), detail::raw_or_null(cancel), out, error);
  });
}

inline Expected<Learner> scorer_adapt(const Model& model, const Exercises& history, const Learner* prior = nullptr,
                                      const Cancel* cancel = nullptr) {
  return detail::made<Learner, mtl_learner*>([&](auto out, auto error) {
    return mtl_scorer_adapt(model.raw(), history.raw(), detail::raw_or_null(prior), detail::raw_or_null(cancel), out,
                            error);
  });
}

// Keeps the answers and fits nothing: those that a model which reads answers was trained on with the learner.
inline Expected<Learner> scorer_remember(const Model& model, const Exercises& history, const Learner* prior = nullptr,
                                         const Cancel* cancel = nullptr) {
  return detail::made<Learner, mtl_learner*>([&](auto out, auto error) {
    return mtl_scorer_remember(model.raw(), history.raw(), detail::raw_or_null(prior), detail::raw_or_null(cancel), out,
                               error);
  });
}

class Slot {
 public:
  explicit Slot(mtl_slot* raw) : raw_(raw) {}
  static Expected<Slot> make(const Model& model) {
    return detail::made<Slot, mtl_slot*>([&](auto out, auto error) { return mtl_slot_new(model.raw(), out, error); });
  }

  Expected<Model> get() const {
    return detail::made<Model, const mtl_model*>([&](auto out, auto error) { return mtl_slot_get(raw_.get(), out, error); });
  }
  Expected<void> set(const Model& model) const {
    return detail::done([&](auto error) { return mtl_slot_set(raw_.get(), model.raw(), error); });
  }
  const mtl_slot* raw() const { return raw_.get(); }

 private:
  detail::Owned<mtl_slot, mtl_slot_free> raw_;
};

// `out_scores` is NULL or has room for one score a sentence.
inline Expected<void> crf_viterbi(const mtl_crf& crf, const mtl_sequences& emissions, Span<std::uint32_t> out_labels,
                                  float* out_scores = nullptr) {
  return detail::done([&](auto error) {
    return mtl_crf_viterbi(&crf, &emissions, out_labels.data(), out_labels.size(), out_scores, error);
  });
}

// `out_log_z` is NULL or has room for one value a sentence.
inline Expected<void> crf_marginals(const mtl_crf& crf, const mtl_sequences& emissions, float temperature,
                                    Span<float> out_marginals, double* out_log_z = nullptr) {
  return detail::done([&](auto error) {
    return mtl_crf_marginals(&crf, &emissions, temperature, out_marginals.data(), out_marginals.size(), out_log_z, error);
  });
}

// A BiLSTM, a linear layer and a CRF, over the features of an encoder of one's own.
class BilstmCrf {
 public:
  explicit BilstmCrf(mtl_bilstm_crf* raw) : raw_(raw) {}
  static Expected<BilstmCrf> make(const mtl_bilstm& bilstm, const mtl_crf& crf) {
    return detail::made<BilstmCrf, mtl_bilstm_crf*>(
        [&](auto out, auto error) { return mtl_bilstm_crf_new(&bilstm, &crf, out, error); });
  }

  std::uint32_t inputs() const { return mtl_bilstm_crf_inputs(raw_.get()); }
  // `out_scores` is NULL or has room for one score a sentence.
  Expected<void> decode(const mtl_sequences& features, Span<std::uint32_t> out_labels, float* out_scores = nullptr,
                        const Cancel* cancel = nullptr) const {
    return detail::done([&](auto error) {
      return mtl_bilstm_crf_decode(raw_.get(), &features, detail::raw_or_null(cancel), out_labels.data(),
                                   out_labels.size(), out_scores, error);
    });
  }
  const mtl_bilstm_crf* raw() const { return raw_.get(); }

 private:
  detail::Owned<mtl_bilstm_crf, mtl_bilstm_crf_free> raw_;
};

}  // namespace mtl

#endif  // MTL_HPP
