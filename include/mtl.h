/*
 * libmtl: names, parts of speech and other labels for text. The C ABI, version 1.
 *
 * This file is made from src/capi by `make header`; do not edit it.
 *
 *   const char *path = "models/mtl-base";
 *   mtl_error *error = NULL;
 *   mtl_bundle *bundle = NULL;
 *   const mtl_model *model = NULL;
 *   if (mtl_bundle_open(path, strlen(path), NULL, &bundle, &error) != MTL_OK ||
 *       mtl_model_open(bundle, NULL, NULL, &model, &error) != MTL_OK) {
 *     fprintf(stderr, "%s\n", mtl_error_message(error, NULL));
 *     mtl_error_free(error);
 *   }
 *
 * The laws, which hold wherever a function says nothing else:
 *
 *  1. A function that can fail returns an mtl_status, 0 for success, and takes `mtl_error **out_error` last. It may be
 *     NULL; otherwise a failed call puts an error object there, which the caller frees. There is no "last error".
 *  2. Out parameters are last (before out_error) and are written only on success.
 *  3. NULL where an object is required is MTL_ERROR_ARGUMENT. Every _free and _release accepts NULL.
 *  4. The library never exits, aborts, prints, reads the environment, installs signal handlers, opens sockets, or logs a
 *     user's text. (ONNX Runtime, a library of its own, reads its environment.) A panic inside becomes MTL_ERROR_PANIC,
 *     and its object answers MTL_ERROR_POISONED from then on. What does end the process: a stack overflow, memory that
 *     the system refuses, a mapped file (option `trusted`) that somebody truncates, a fault inside a GPU driver.
 *  5. `const mtl_x *` may be shared between threads, `mtl_x *` is one thread's at a time. A model is always const.
 *     Objects are not to be used after they were freed, nor freed while a call uses them.
 *  6. Text is a pointer and a length in bytes, UTF-8, without a terminator. Returned strings are views, valid until
 *     their owner is freed.
 *  7. Offsets are half-open and count UTF-8 bytes, UTF-16 units or code points, as the caller chooses, in the text as it
 *     was given.
 *  8. Objects are opaque. Results are columns; one without elements is NULL. A view is a structure that begins with
 *     `uint32_t struct_size`, which the caller sets before the call.
 *  9. Callbacks take `void *user` first; each says from which threads it is called.
 * 10. Within ABI version 1 functions are added, never changed or removed.
 *
 * After fork(), a child that uses an object of its parent gets MTL_ERROR_FORKED; _free and _release then do nothing.
 */

#ifndef MTL_H
#define MTL_H

#include <stddef.h>
#include <stdint.h>
/* Opaque objects. */
typedef struct mtl_error mtl_error;
typedef struct mtl_options mtl_options;
typedef struct mtl_cancel mtl_cancel;
typedef struct mtl_env mtl_env;
typedef struct mtl_bundle mtl_bundle;
typedef struct mtl_model mtl_model;
typedef struct mtl_batch mtl_batch;
typedef struct mtl_result mtl_result;
typedef struct mtl_alignment mtl_alignment;
typedef struct mtl_exercises mtl_exercises;
typedef struct mtl_scores mtl_scores;
typedef struct mtl_learner mtl_learner;
typedef struct mtl_slot mtl_slot;
typedef struct mtl_bilstm_crf mtl_bilstm_crf;

// The version of the ABI that this header describes. Functions are added inside a version, never changed or removed.
#define MTL_ABI_VERSION 1

// The version of this header, major part.
#define MTL_VERSION_MAJOR 0

// The version of this header, minor part.
#define MTL_VERSION_MINOR 1

// The version of this header, patch part.
#define MTL_VERSION_PATCH 0

// A log message's level: something that was asked for is not to be had, and something else is used instead.
#define MTL_LOG_WARN 2

// A log message's level: what happened, about once an opened object.
#define MTL_LOG_INFO 3

// In a column of labels or languages: there is none.
#define MTL_NONE UINT32_MAX

// Kind of an edit: the learner wrote the word.
#define MTL_EDIT_MATCH 0

// Kind of an edit: the learner wrote another word.
#define MTL_EDIT_SUBSTITUTE 1

// Kind of an edit: the learner left the word out.
#define MTL_EDIT_DELETE 2

// Kind of an edit: the learner wrote a word too many.
#define MTL_EDIT_INSERT 3

// Type of numbers: 32-bit floating point.
#define MTL_F32 1

// Type of numbers: 16-bit floating point (IEEE 754 binary16).
#define MTL_F16 2

// The most labels that a CRF can have here.
#define MTL_CRF_MAX_LABELS 4096

// The largest row of features, and the most hidden units of a direction.
#define MTL_BILSTM_MAX_WIDTH 16384

// What a call came to. Numbers are never reused, and new ones may come: a program takes one that it does not know for
// a failure.
enum mtl_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // It did what was asked.
  MTL_OK = 0,
  // An argument is wrong: NULL where an object is required, an unknown task, language or option.
  MTL_ERROR_ARGUMENT = 1,
  // The text that was given is malformed.
  MTL_ERROR_INPUT = 2,
  // The operating system refused: no such file, no permission, a full disk.
  MTL_ERROR_IO = 3,
  // A bundle is malformed.
  MTL_ERROR_BUNDLE = 4,
  // A bundle's bytes are not those that its manifest promises.
  MTL_ERROR_INTEGRITY = 5,
  // A stated limit was exceeded.
  MTL_ERROR_LIMIT = 6,
  // An engine could not be opened, or failed while it ran.
  MTL_ERROR_ENGINE = 7,
  // A required execution provider is not available.
  MTL_ERROR_PROVIDER = 8,
  // The call's cancel token was fired.
  MTL_ERROR_CANCELLED = 9,
  // The deadline of the call's cancel token has passed.
  MTL_ERROR_DEADLINE = 10,
  // libmtl has a defect: it panicked. The object concerned is poisoned; others live on. Please report it.
  MTL_ERROR_PANIC = 11,
  // An earlier call on this object ended in `MTL_ERROR_PANIC`.
  MTL_ERROR_POISONED = 12,
  // The object was made before `fork()`, and this is the child: open another one here.
  MTL_ERROR_FORKED = 13,
  // This build or this version of libmtl cannot do it.
  MTL_ERROR_UNSUPPORTED = 14,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum mtl_status mtl_status;
#else
typedef int32_t mtl_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Receives a log message (UTF-8, not ended by a NUL) that is valid during the call. It comes on the thread that made
// the call of libmtl, from several threads at once if several call. It must not call `mtl_log_set`.
typedef void (*mtl_log_fn)(void *user, uint32_t level, const char *message, size_t length);

// The documents of a result, in the batch's order.
typedef struct {
  // Size of this structure; the caller sets it to `sizeof(mtl_documents)` before the call.
  uint32_t struct_size;
  // How many there are.
  uint32_t count;
  // What came of each: `MTL_OK`, or an error code; `mtl_result_error` has the error.
  const int32_t *status;
  // The number of each one's language in the model; `MTL_NONE` for a document with an error.
  const uint32_t *language;
  // `count + 1` elements: document `i` has the sentences `sentences[i] .. sentences[i + 1]`.
  const uint32_t *sentences;
} mtl_documents;

// The sentences and tokens of a result.
typedef struct {
  // Size of this structure; the caller sets it to `sizeof(mtl_tokens)` before the call.
  uint32_t struct_size;
  // How many tokens there are.
  uint32_t count;
  // Where each token begins in its document's text, in the unit asked for.
  const uint32_t *start;
  // Where it ends: one past the last.
  const uint32_t *end;
  // How many sentences there are.
  uint32_t sentence_count;
  // `sentence_count + 1` elements: sentence `i` has the tokens `sentences[i] .. sentences[i + 1]`.
  const uint32_t *sentences;
} mtl_tokens;

// The labels of a result's tokens in one task.
typedef struct {
  // Size of this structure; the caller sets it to `sizeof(mtl_tags)` before the call.
  uint32_t struct_size;
  // How many tokens there are: as many as in `mtl_tokens`.
  uint32_t count;
  // The number of each token's label; `MTL_NONE` where the task does not know the document's language.
  const uint32_t *label;
  // P(label of the token | sentence), calibrated; NULL unless `scores` was asked for, NaN where there is no label.
  const float *score;
} mtl_tags;

// The spans of a result in one task, in the order of the text.
typedef struct {
  // Size of this structure; the caller sets it to `sizeof(mtl_spans)` before the call.
  uint32_t struct_size;
  // How many there are.
  uint32_t count;
  // The number of each one's document.
  const uint32_t *document;
  // The first of its tokens, in `mtl_tokens`.
  const uint32_t *first_token;
  // One past the last of its tokens.
  const uint32_t *end_token;
  // Where it begins in its document's text, in the unit asked for.
  const uint32_t *start;
  // Where it ends: one past the last.
  const uint32_t *end;
  // The number of its label, for `mtl_model_span_label`.
  const uint32_t *label;
  // P(the labels of its tokens | sentence), calibrated; NULL unless `scores` was asked for.
  const float *score;
} mtl_spans;

// The best paths of a result's sentences in one task: by sentence, the best first.
typedef struct {
  // Size of this structure; the caller sets it to `sizeof(mtl_paths)` before the call.
  uint32_t struct_size;
  // How many there are; none unless `nbest` was asked for.
  uint32_t count;
  // The number of each one's sentence, in `mtl_tokens`.
  const uint32_t *sentence;
  // P(all labels | sentence), calibrated.
  const double *probability;
  // `count + 1` elements: path `i` has the labels `label[labels[i] .. labels[i + 1]]`.
  const uint32_t *labels;
  // The labels of all paths, one behind the other.
  const uint32_t *label;
} mtl_paths;

// The pairs of an alignment, in the batches' order.
typedef struct {
  // Size of this structure; the caller sets it to `sizeof(mtl_pairs)` before the call.
  uint32_t struct_size;
  // How many there are.
  uint32_t count;
  // What came of each: `MTL_OK`, or an error code; `mtl_alignment_error` has the error.
  const int32_t *status;
  // (substitutions + deletions + insertions) / words of the correct sentence that take part; the insertions where none
  // does; NaN for a pair with an error.
  const double *word_error_rate;
  // `count + 1` elements: pair `i` has the words `words[i] .. words[i + 1]` of `mtl_words`.
  const uint32_t *words;
  // `count + 1` elements: pair `i` has the edits `edits[i] .. edits[i + 1]` of `mtl_edits`.
  const uint32_t *edits;
} mtl_pairs;

// The words of an alignment's correct sentences.
typedef struct {
  // Size of this structure; the caller sets it to `sizeof(mtl_words)` before the call.
  uint32_t struct_size;
  // How many there are.
  uint32_t count;
  // Where each begins in its correct sentence, in the unit asked for.
  const uint32_t *start;
  // Where it ends: one past the last.
  const uint32_t *end;
  // 1 where the learner got it wrong, else 0.
  const uint8_t *mistake;
} mtl_words;

// The edits that make the answers of an alignment's correct sentences, in the order of the text.
typedef struct {
  // Size of this structure; the caller sets it to `sizeof(mtl_edits)` before the call.
  uint32_t struct_size;
  // How many there are.
  uint32_t count;
  // `MTL_EDIT_MATCH`, `MTL_EDIT_SUBSTITUTE`, `MTL_EDIT_DELETE`, `MTL_EDIT_INSERT`.
  const uint8_t *kind;
  // The word of the correct sentence, in `mtl_words`; `MTL_NONE` for an insertion.
  const uint32_t *word;
  // Where the answer's word begins in its answer, in the unit asked for; `MTL_NONE` for a deletion.
  const uint32_t *start;
  // Where it ends: one past the last; `MTL_NONE` for a deletion.
  const uint32_t *end;
} mtl_edits;

// Strings one behind the other, as columnar formats keep them: string `i` is `data[offsets[i] .. offsets[i + 1]]`, so
// that N strings have N + 1 offsets. UTF-8.
typedef struct {
  // The bytes of all.
  const char *data;
  // How many bytes there are.
  size_t data_length;
  // Where each string begins, and the end of the last; NULL where every string is empty.
  const uint64_t *offsets;
} mtl_strings;

// Exercises as columns. A column of strings whose `offsets` are NULL is one of empty strings: not known.
typedef struct {
  // Size of this structure; the caller sets it to `sizeof(mtl_exercise_columns)`.
  uint32_t struct_size;
  // How many exercises there are.
  uint32_t count;
  // The language learnt and the language known, such as `en_es`; empty where the model has one track.
  mtl_strings track;
  // The learner.
  mtl_strings user;
  // Countries, with `|` between them.
  mtl_strings countries;
  // `web`, `ios`, `android`.
  mtl_strings client;
  // `lesson`, `practice`, `test`.
  mtl_strings session;
  // `reverse_translate`, `reverse_tap`, `listen`.
  mtl_strings format;
  // Days since the learner began; NULL where all are 0.
  const double *days;
  // Seconds that the learner took, NaN where they are not known; NULL where none is.
  const double *time;
  // The words of the right answers.
  mtl_strings words;
  // How many words there are.
  size_t word_count;
  // `count + 1` elements: exercise `i` has the words `exercise_words[i] .. exercise_words[i + 1]`.
  const uint64_t *exercise_words;
} mtl_exercise_columns;

// The scored exercises, in the order that they were added in.
typedef struct {
  // Size of this structure; the caller sets it to `sizeof(mtl_probabilities)` before the call.
  uint32_t struct_size;
  // How many exercises there are.
  uint32_t count;
  // What came of each: `MTL_OK`, or an error code; `mtl_scores_error` has the error.
  const int32_t *status;
  // `count + 1` elements: exercise `i` has the probabilities `words[i] .. words[i + 1]`, one a word; none with an error.
  const uint32_t *words;
  // P(the learner gets the word wrong).
  const float *probability;
} mtl_probabilities;

// The parameters of a linear-chain CRF: a path scores `start[z_1] + sum_t emission_t[z_t] + sum_t transitions[z_t][z_t-1]
// + end[z_n]`. Minus infinity forbids.
typedef struct {
  // Size of this structure; the caller sets it to `sizeof(mtl_crf)`.
  uint32_t struct_size;
  // Number of labels K, from 1 to `MTL_CRF_MAX_LABELS`.
  uint32_t labels;
  // K scores of beginning with a label.
  const float *start;
  // K scores of ending with a label.
  const float *end;
  // K x K scores: `transitions[to * K + from]`.
  const float *transitions;
} mtl_crf;

// The rows of several sentences, one a token: emissions for a CRF, features for a BiLSTM. With N numbers a row, number k
// of token t of sentence s is element `s * sentence_stride + t * token_stride + k`.
typedef struct {
  // Size of this structure; the caller sets it to `sizeof(mtl_sequences)`.
  uint32_t struct_size;
  // `MTL_F32` or `MTL_F16`.
  uint32_t element;
  // The elements; all that belong to a token are finite.
  const void *data;
  // How many elements `data` has.
  size_t data_count;
  // Elements from a sentence to the next.
  size_t sentence_stride;
  // Elements from a token to the next, at least N.
  size_t token_stride;
  // How many sentences there are.
  uint32_t sentences;
  // The number of tokens of each.
  const uint32_t *lengths;
} mtl_sequences;

// The weights of a BiLSTM with hidden size H over rows of D features, and of the linear layer that makes K emissions of
// it. `input`, `recurrent` and `bias` are W, R and B of ONNX's operator LSTM (bidirectional: the forward direction, then
// the backward one; gates in the order i, o, f, c; zero initial states).
typedef struct {
  // Size of this structure; the caller sets it to `sizeof(mtl_bilstm)`.
  uint32_t struct_size;
  // Type of all weights: `MTL_F32` or `MTL_F16`. All are finite. Those of `MTL_F16` are multiplied by the fastest kernel of this
  // processor, which may round what it multiplies to 16 bits; those of `MTL_F32` by the fastest one that does not.
  uint32_t element;
  // D, from 1 to `MTL_BILSTM_MAX_WIDTH`.
  uint32_t inputs;
  // H, from 1 to `MTL_BILSTM_MAX_WIDTH`.
  uint32_t hidden;
  // `[2, 4 H, D]`.
  const void *input;
  // `[2, 4 H, H]`.
  const void *recurrent;
  // `[2, 8 H]`: the biases of the input, then those of the recurrence.
  const void *bias;
  // `[K, 2 H]`: the linear layer, over the forward states, then the backward ones.
  const void *output;
  // `[K]`.
  const void *output_bias;
} mtl_bilstm;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The ABI version of the library that runs; a program may compare it with `MTL_ABI_VERSION`. Since 1.0.
uint32_t mtl_abi_version(void);

// The version of the library that runs: major * 1,000,000 + minor * 1,000 + patch. Since 1.0.
uint32_t mtl_version(void);

// How the library was built, as JSON: `version`, `abi`, `engines` (list), `debug` (whether assertions are on). The
// string is static and ended by a NUL. Since 1.0.
const char *mtl_build_info(void);

// The name of a status as it stands here, such as `"MTL_ERROR_ARGUMENT"`; `"MTL_ERROR_UNKNOWN"` for a number that this
// version does not have. The string is static. Since 1.0.
const char *mtl_status_name(int32_t status);

// The error's status; `MTL_OK` for NULL. Since 1.0.
mtl_status mtl_error_status(const mtl_error *error);

// The message for people: where, what was wrong, and what to do, ended by a NUL; `""` for NULL. `out_length` (may be
// NULL) receives its length in bytes. The string belongs to the error. Since 1.0.
const char *mtl_error_message(const mtl_error *error,
                              size_t *out_length);

// One detail of the error, for programs, ended by a NUL: `key` is `"place"`, `"fault"` or `"remedy"`. NULL where the
// error has no such detail. The string belongs to the error. Since 1.0.
const char *mtl_error_detail(const mtl_error *error,
                             const char *key,
                             size_t key_length,
                             size_t *out_length);

// Frees an error; NULL is ignored. Since 1.0.
void mtl_error_free(mtl_error *error);

// Sends messages of at most `level` (`MTL_LOG_WARN`, `MTL_LOG_INFO`) to `function`, in place of the one before; NULL
// silences the library, as it is at the start. Messages never hold a user's text; one that comes while the listener is
// being changed is lost. When the call returns, the function set before runs no more and is not called again. A child of
// `fork()` is silent at first. `MTL_ERROR_ARGUMENT` for another level. Since 1.0.
mtl_status mtl_log_set(mtl_log_fn function,
                       void *user,
                       uint32_t level,
                       mtl_error **out_error);

// Makes an options object in which every option has its default. Since 1.0.
mtl_status mtl_options_new(mtl_options **out_options, mtl_error **out_error);

// Sets the option `key` to `value`, both UTF-8. An unknown key or value is `MTL_ERROR_ARGUMENT`, and so is, at the call
// that takes the object, an option that is for another call.
//
// | call | key | value (default first) |
// |---|---|---|
// | `mtl_bundle_open*` | `trusted` | `false`; `true` maps a file instead of reading it and does not check digests: only for a bundle from inside something verified, such as an app's package |
// | `mtl_model_open` | `engine` | `native`, `onnx`; `cuda`, in a library that was built with it: for taggers, not run on a GPU yet |
// | | `threads` | `0`: the thread that calls; up to 1024 |
// | | `kernel` | the fastest of this processor; or `generic`, `avx2`, `avx512`, `avx512-int16`, `avx512-fp16`, `amx-bf16`, `neon`, `neon-fp16`, `neon-fhm`: with one kernel, results are the same everywhere bit for bit. Only for the engine `native`, and for the graph `fused` on the processor |
// | | `graph` | `portable`; `fused`, for taggers that have it: libmtl's own kernels as an operator of ONNX Runtime, on the processor and, in a library with the engine `cuda`, on the provider `cuda`, where it was not run yet. Only for the engine `onnx` |
// | | `word_cache` | `2048`; KiB that a model may keep of the words that come again, `0` keeps none: results are the same, bit for bit. Not for the engine `onnx` |
// | | `library` | path of ONNX Runtime's shared library; without it, the one beside the program or the loader's own. With the engine `cuda`, of CUDA's driver |
// | | `providers` | `cpu`; ONNX Runtime's execution providers in order, such as `tensorrt?,cuda?,cpu`: with a question mark one is used if it is there, without one it must be |
// | | `gpu_device` | `0`; the number of the GPU, for the engine `cuda` and the providers `cuda` and `tensorrt` |
// | | `gpu_memory` | no limit; MiB that the arena of `cuda` may take |
// | | `tensorrt_cache` | none; an existing folder in which `tensorrt` keeps the engines that it builds, below the bundle's digest, and to which nobody else may write: what cannot be used there is deleted and built anew |
// | | `tensorrt_fp16` | `false`; `true` lets `tensorrt` compute in half precision |
// | | `kernel_cache` | none; an existing folder in which the engine `cuda`, and the fused graph on the provider `cuda`, keep the kernels that they compile, and to which nobody else may write |
// | | `accept_telemetry` | `false`; `true` takes an ONNX Runtime that may write telemetry |
// | | `vectors` | for a scorer that reads word vectors of whole sentences (its manifest's `word_vectors` is `given`): path of the table of them, which is mapped, and which nobody may write to |
// | `mtl_tag` | `tasks` | all of the model's; or names between commas |
// | | `language` | each document's is detected; or an ISO 639-1 code for all |
// | | `scores` | `false`, `true` |
// | | `nbest` | `0`; up to 100 best paths a sentence |
// | | `zero_shot` | `false`; `true` tags languages that a task was not trained on |
// | `mtl_align` | `case` | `false`; `true`: `Yes` is not `yes` |
// | | `punctuation` | `false`; `true`: `well-known` is not `wellknown`, and marks are words |
// | | `accents` | `false`; `true`: `sí` is not `si` |
// | `mtl_score` | `calibrated` | `false`: as the model was trained, where 0.5 parts right from wrong best; `true`: probabilities as often as mistakes come, without the weight that training gives to them |
// | `mtl_tag`, `mtl_align` | `unit` | `bytes`, `utf16`, `codepoints`: what offsets count |
// | | `invalid_utf8` | `error`: of the document; `replace`: read as U+FFFD |
//
// Since 1.0.
mtl_status mtl_options_set(mtl_options *options,
                           const char *key,
                           size_t key_length,
                           const char *value,
                           size_t value_length,
                           mtl_error **out_error);

// Frees the object; NULL is ignored. Since 1.0.
void mtl_options_free(mtl_options *options);

// Makes a token. Where `milliseconds` is not negative, calls that have it end in `MTL_ERROR_DEADLINE` so long after this
// one; -1 sets no deadline. Since 1.0.
mtl_status mtl_cancel_new(int64_t milliseconds,
                          mtl_cancel **out_cancel,
                          mtl_error **out_error);

// Fires the token: calls that have it, and those that get it later, end in `MTL_ERROR_CANCELLED`, within about 10 ms.
// May be called from any thread, also from a signal handler of the host's as far as the library is concerned. Since 1.0.
mtl_status mtl_cancel_fire(const mtl_cancel *cancel,
                           mtl_error **out_error);

// Frees the token; NULL is ignored. No call may be using it. Since 1.0.
void mtl_cancel_free(mtl_cancel *cancel);

// Starts `threads` threads, 0 to 1024, that help the calls of the models opened with this environment; a call's own
// thread always does its part. With 0 a call runs on the caller's thread alone. Models keep the threads alive after the
// environment was freed. Since 1.0.
mtl_status mtl_env_new(uint32_t threads,
                       mtl_env **out_env,
                       mtl_error **out_error);

// Gives memory that the C library keeps for later calls back to the system, as far as it can (glibc). libmtl itself keeps
// what words that come again cost, 2 MiB a model of the native engine at most. Costs later calls a little time. Since 1.0.
mtl_status mtl_env_trim(const mtl_env *env,
                        mtl_error **out_error);

// Frees the environment; NULL is ignored. Its threads end with the last model that uses them. Since 1.0.
void mtl_env_free(mtl_env *env);

// Opens the bundle at `path` (UTF-8): a folder, or an archive (`.mtl`). Reads it whole and checks every digest, unless
// the option `trusted` is set. `options` may be NULL. `MTL_ERROR_IO`, `MTL_ERROR_BUNDLE`, `MTL_ERROR_INTEGRITY`,
// `MTL_ERROR_LIMIT`. Since 1.0.
mtl_status mtl_bundle_open(const char *path,
                           size_t path_length,
                           const mtl_options *options,
                           mtl_bundle **out_bundle,
                           mtl_error **out_error);

// Opens the bundle archive in `length` bytes at `data`. The bytes are copied; with the option `trusted` they are used
// where they lie, without a look at their digests, and must stay as they are until the bundle and every model opened on
// it are gone. Otherwise as `mtl_bundle_open`. Since 1.0.
mtl_status mtl_bundle_open_memory(const void *data,
                                  size_t length,
                                  const mtl_options *options,
                                  mtl_bundle **out_bundle,
                                  mtl_error **out_error);

// Opens the bundle archive in the `length` bytes from `offset` on of the open file `descriptor`, as an asset lies in an
// Android package. The descriptor stays the caller's, who may close it afterwards. Otherwise as `mtl_bundle_open`.
// `MTL_ERROR_UNSUPPORTED` where the system has no such descriptors. Since 1.0.
mtl_status mtl_bundle_open_descriptor(int32_t descriptor,
                                      uint64_t offset,
                                      uint64_t length,
                                      const mtl_options *options,
                                      mtl_bundle **out_bundle,
                                      mtl_error **out_error);

// SHA-256 of the bundle's manifest, which names every other file's: 64 hexadecimal digits that identify the bundle to
// the last bit. The string belongs to the bundle and is not ended by a NUL. NULL for a NULL bundle. Since 1.0.
const char *mtl_bundle_digest(const mtl_bundle *bundle,
                              size_t *out_length);

// The manifest as JSON (docs/bundle-format.md). The string belongs to the bundle and is not ended by a NUL. NULL for a
// NULL bundle. Since 1.0.
const char *mtl_bundle_manifest(const mtl_bundle *bundle,
                                size_t *out_length);

// Frees the bundle; NULL is ignored. Models that were opened on it live on. Since 1.0.
void mtl_bundle_free(mtl_bundle *bundle);

// Opens `bundle` with the engine that `options` (may be NULL) ask for, on the threads of `env` (may be NULL: the calls'
// own threads). The model keeps what it needs: bundle, options and env may be freed. The caller owns one reference;
// `mtl_model_release` gives it back. `MTL_ERROR_ENGINE`, `MTL_ERROR_PROVIDER`. Since 1.0.
mtl_status mtl_model_open(const mtl_bundle *bundle,
                          const mtl_options *options,
                          const mtl_env *env,
                          const mtl_model **out_model,
                          mtl_error **out_error);

// Takes one more reference to the model, and returns it. NULL gives NULL. Since 1.0.
const mtl_model *mtl_model_retain(const mtl_model *model);

// Gives a reference back; the last one frees the model. NULL is ignored, and so is a model of the parent process after
// `fork()`. Since 1.0.
void mtl_model_release(const mtl_model *model);

// The bundle's manifest as JSON (docs/bundle-format.md). The string belongs to the model and is not ended by a NUL.
// NULL for a NULL model. Since 1.0.
const char *mtl_model_manifest(const mtl_model *model,
                               size_t *out_length);

// What runs where, as JSON: `engine`, `version`, `precision`, `threads`, and `providers`, a list of what was asked for
// with `provider`, `required`, `used` and the `reason`. The string belongs to the model and is not ended by a NUL. NULL
// for a NULL model. Since 1.0.
const char *mtl_model_report(const mtl_model *model,
                             size_t *out_length);

// How many languages the model has; 0 for NULL. Since 1.0.
uint32_t mtl_model_language_count(const mtl_model *model);

// The ISO 639-1 code of a language, not ended by a NUL; NULL where there is none of this number. Since 1.0.
const char *mtl_model_language(const mtl_model *model,
                               uint32_t index,
                               size_t *out_length);

// How many tasks the model has; 0 for NULL. Since 1.0.
uint32_t mtl_model_task_count(const mtl_model *model);

// The name of a task, such as `ner`, not ended by a NUL; NULL where there is none of this number. Since 1.0.
const char *mtl_model_task_name(const mtl_model *model,
                                uint32_t task,
                                size_t *out_length);

// The number of the task called `name`. `MTL_ERROR_ARGUMENT`, with the names there are, for another. Since 1.0.
mtl_status mtl_model_task_find(const mtl_model *model,
                               const char *name,
                               size_t name_length,
                               uint32_t *out_task,
                               mtl_error **out_error);

// Whether a task was trained on the language of this number: 1 or 0. Since 1.0.
int32_t mtl_model_task_knows(const mtl_model *model, uint32_t task, uint32_t language);

// How many labels a token can have in a task; 0 where there is no such task. Since 1.0.
uint32_t mtl_model_label_count(const mtl_model *model, uint32_t task);

// A label of a token, such as `B-PER` or `NOUN`, not ended by a NUL; NULL where there is none of this number. Since 1.0.
const char *mtl_model_label(const mtl_model *model,
                            uint32_t task,
                            uint32_t label,
                            size_t *out_length);

// How many labels a span can have in a task; 0 where the task makes no spans. Since 1.0.
uint32_t mtl_model_span_label_count(const mtl_model *model, uint32_t task);

// A label of a span, such as `PER`, not ended by a NUL; NULL where there is none of this number. Since 1.0.
const char *mtl_model_span_label(const mtl_model *model,
                                 uint32_t task,
                                 uint32_t label,
                                 size_t *out_length);

// Makes an empty batch. Since 1.0.
mtl_status mtl_batch_new(mtl_batch **out_batch, mtl_error **out_error);

// Adds a document of running text. Whether it is UTF-8 is looked at by `mtl_tag`, so that one bad document does not
// stop the others. `text` may be NULL where `length` is 0. Since 1.0.
mtl_status mtl_batch_add_text(mtl_batch *batch,
                              const char *text,
                              size_t length,
                              mtl_error **out_error);

// Adds a document that is one sentence of `count` words which somebody else has cut: `tokens[i]` has `lengths[i]` bytes.
// Offsets of its results count in the words' concatenation. Since 1.0.
mtl_status mtl_batch_add_tokens(mtl_batch *batch,
                                const char *const *tokens,
                                const size_t *lengths,
                                size_t count,
                                mtl_error **out_error);

// Adds `count` documents of running text that lie one behind the other in `data`, as columnar formats keep strings:
// document `i` is `data[offsets[i] .. offsets[i + 1]]`, so `offsets` has `count + 1` elements; it
// is not read where `count` is 0. Since 1.0.
mtl_status mtl_batch_add_texts_packed(mtl_batch *batch,
                                      const char *data,
                                      size_t data_length,
                                      const uint64_t *offsets,
                                      size_t count,
                                      mtl_error **out_error);

// Adds `count` documents of words: word `j` is `data[token_offsets[j] .. token_offsets[j + 1]]`, and document `i` has
// the words `document_offsets[i] .. document_offsets[i + 1]`. `token_offsets` has `token_count + 1` elements,
// `document_offsets` `count + 1`. Since 1.0.
mtl_status mtl_batch_add_tokens_packed(mtl_batch *batch,
                                       const char *data,
                                       size_t data_length,
                                       const uint64_t *token_offsets,
                                       size_t token_count,
                                       const uint64_t *document_offsets,
                                       size_t count,
                                       mtl_error **out_error);

// How many documents the batch has; 0 for NULL. Since 1.0.
size_t mtl_batch_count(const mtl_batch *batch);

// Takes all documents out and keeps the memory for the next ones. Since 1.0.
mtl_status mtl_batch_clear(mtl_batch *batch, mtl_error **out_error);

// Frees the batch; NULL is ignored. Since 1.0.
void mtl_batch_free(mtl_batch *batch);

// Tags every document of `batch`. Each gets a result or an error of its own (`mtl_documents.status`); the call itself
// fails only for what concerns all. `options` and `cancel` may be NULL. The caller frees the result. A document's result
// does not depend on the others. `MTL_ERROR_ARGUMENT` (an unknown task or language), `MTL_ERROR_CANCELLED`,
// `MTL_ERROR_DEADLINE`, `MTL_ERROR_ENGINE`, `MTL_ERROR_LIMIT`. Since 1.0.
mtl_status mtl_tag(const mtl_model *model,
                   const mtl_batch *batch,
                   const mtl_options *options,
                   const mtl_cancel *cancel,
                   mtl_result **out_result,
                   mtl_error **out_error);

// A view of the documents. Since 1.0.
mtl_status mtl_result_documents(const mtl_result *result,
                                mtl_documents *out_documents,
                                mtl_error **out_error);

// A view of the sentences and tokens. Since 1.0.
mtl_status mtl_result_tokens(const mtl_result *result,
                             mtl_tokens *out_tokens,
                             mtl_error **out_error);

// A view of the tokens' labels in the model's task of this number. `MTL_ERROR_ARGUMENT` where it was not asked for.
// Since 1.0.
mtl_status mtl_result_tags(const mtl_result *result,
                           uint32_t task,
                           mtl_tags *out_tags,
                           mtl_error **out_error);

// A view of the spans in the model's task of this number; a task with plain labels has none. `MTL_ERROR_ARGUMENT` where
// it was not asked for. Since 1.0.
mtl_status mtl_result_spans(const mtl_result *result,
                            uint32_t task,
                            mtl_spans *out_spans,
                            mtl_error **out_error);

// A view of the best paths in the model's task of this number. `MTL_ERROR_ARGUMENT` where it was not asked for. Since
// 1.0.
mtl_status mtl_result_paths(const mtl_result *result,
                            uint32_t task,
                            mtl_paths *out_paths,
                            mtl_error **out_error);

// The error of a document, which belongs to the result; NULL where it has none. Since 1.0.
const mtl_error *mtl_result_error(const mtl_result *result, uint32_t document);

// Frees the result; NULL is ignored. Since 1.0.
void mtl_result_free(mtl_result *result);

// Aligns what learners typed with what is right: document `i` of `answers` with document `i` of `correct`, each one
// sentence, as text or as words. Each pair gets a result or an error of its own (`mtl_pairs.status`). Of all alignments
// with the fewest insertions, deletions and substitutions of words one is chosen by rules that the manual states.
// `options` and `cancel` may be NULL. The caller frees the alignment. `MTL_ERROR_ARGUMENT` (batches of other lengths),
// `MTL_ERROR_CANCELLED`, `MTL_ERROR_DEADLINE`, `MTL_ERROR_LIMIT`. Since 1.0.
mtl_status mtl_align(const mtl_batch *correct,
                     const mtl_batch *answers,
                     const mtl_options *options,
                     const mtl_cancel *cancel,
                     mtl_alignment **out_alignment,
                     mtl_error **out_error);

// A view of the pairs. Since 1.0.
mtl_status mtl_alignment_pairs(const mtl_alignment *alignment,
                               mtl_pairs *out_pairs,
                               mtl_error **out_error);

// A view of the words of the correct sentences. Since 1.0.
mtl_status mtl_alignment_words(const mtl_alignment *alignment,
                               mtl_words *out_words,
                               mtl_error **out_error);

// A view of the edits. Since 1.0.
mtl_status mtl_alignment_edits(const mtl_alignment *alignment,
                               mtl_edits *out_edits,
                               mtl_error **out_error);

// The error of a pair, which belongs to the alignment; NULL where it has none. Since 1.0.
const mtl_error *mtl_alignment_error(const mtl_alignment *alignment, uint32_t pair);

// Frees the alignment; NULL is ignored. Since 1.0.
void mtl_alignment_free(mtl_alignment *alignment);

// Makes an empty list of exercises. Since 1.0.
mtl_status mtl_exercises_new(mtl_exercises **out_exercises, mtl_error **out_error);

// Adds an exercise whose right answer has `count` words: `words[i]` has `lengths[i]` bytes of UTF-8. What else is known
// of it is set by `mtl_exercises_set`. `MTL_ERROR_INPUT` for a word that is not UTF-8. Since 1.0.
mtl_status mtl_exercises_add(mtl_exercises *exercises,
                             const char *const *words,
                             const size_t *lengths,
                             size_t count,
                             mtl_error **out_error);

// Sets what is known about the exercise that was added last: `key` to `value`, both UTF-8. What is not set is not known.
//
// | key | value |
// |---|---|
// | `track` | the language learnt and the language known, such as `en_es`; not needed where the model has one track |
// | `user` | the learner |
// | `countries` | countries that the learner was seen in, the first one first, with `|` between them |
// | `client` | such as `web`, `ios`, `android` |
// | `session` | such as `lesson`, `practice`, `test` |
// | `format` | such as `reverse_translate`, `reverse_tap`, `listen` |
// | `days` | days since the learner began, as a decimal number |
// | `time` | seconds that the learner took, as a decimal number |
//
// `MTL_ERROR_ARGUMENT`: an unknown key, or no exercise yet. Since 1.0.
mtl_status mtl_exercises_set(mtl_exercises *exercises,
                             const char *key,
                             size_t key_length,
                             const char *value,
                             size_t value_length,
                             mtl_error **out_error);

// Adds exercises that lie in columns. What is wrong inside one (text that is not UTF-8, days that are not finite) is an
// error of its own in the result of `mtl_score`. Since 1.0.
mtl_status mtl_exercises_add_columns(mtl_exercises *exercises,
                                     const mtl_exercise_columns *columns,
                                     mtl_error **out_error);

// Says which words were mistakes, for `mtl_scorer_adapt`: 1 for a mistake, else 0, for all words of the exercises that were
// added since the last call of this function, in their order. `mtl_score` does not look at them. `MTL_ERROR_ARGUMENT`:
// `count` is not the number of these words, or a value is neither 0 nor 1. Since 1.0.
mtl_status mtl_exercises_set_mistakes(mtl_exercises *exercises,
                                      const uint8_t *mistakes,
                                      size_t count,
                                      mtl_error **out_error);

// Lets `mtl_score` score the exercises of this learner's user with what `mtl_scorer_adapt` has found. The list keeps a copy:
// the learner may be freed. One for each user; `mtl_score` refuses two of one user, and a learner of another model. Since
// 1.0.
mtl_status mtl_exercises_add_learner(mtl_exercises *exercises,
                                     const mtl_learner *learner,
                                     mtl_error **out_error);

// How many exercises there are; 0 for NULL. Since 1.0.
size_t mtl_exercises_count(const mtl_exercises *exercises);

// Takes all exercises out, and the learners. Since 1.0.
mtl_status mtl_exercises_clear(mtl_exercises *exercises, mtl_error **out_error);

// Frees the list; NULL is ignored. Since 1.0.
void mtl_exercises_free(mtl_exercises *exercises);

// Predicts for each word of each exercise how probable it is that the learner gets it wrong. `model` is one of kind
// `scorer`; `mtl_tag` takes the others. Each exercise gets a result or an error of its own (`mtl_probabilities.status`);
// a learner, a country, a word that the model does not know is none. Learners that it was adapted to are among the
// `exercises` (`mtl_exercises_add_learner`). `options` and `cancel` may be NULL. The caller frees
// the scores. An exercise's scores do not depend on the others. `MTL_ERROR_ARGUMENT` (a model of another kind),
// `MTL_ERROR_CANCELLED`, `MTL_ERROR_DEADLINE`, `MTL_ERROR_ENGINE`. Since 1.0.
mtl_status mtl_score(const mtl_model *model,
                     const mtl_exercises *exercises,
                     const mtl_options *options,
                     const mtl_cancel *cancel,
                     mtl_scores **out_scores,
                     mtl_error **out_error);

// A view of the probabilities. Since 1.0.
mtl_status mtl_scores_probabilities(const mtl_scores *scores,
                                    mtl_probabilities *out_probabilities,
                                    mtl_error **out_error);

// The error of an exercise, which belongs to the scores; NULL where it has none. Since 1.0.
const mtl_error *mtl_scores_error(const mtl_scores *scores, uint32_t exercise);

// Frees the scores; NULL is ignored. Since 1.0.
void mtl_scores_free(mtl_scores *scores);

// Fits a learner to what they have answered, so that a model which has never seen them scores them as who they are.
// `model` is one of kind `scorer`; it does not change. `history` holds exercises of one user (`mtl_exercises_set`, key
// `user`), with what came of them (`mtl_exercises_set_mistakes`). `prior`, which may be NULL, is what was found of the
// same learner before: then the history holds new answers only, and old ones go on counting. A model that reads what was
// answered before wants the exercises in the order in which they were answered. `cancel` may be NULL. The caller frees the
// learner, passes it on by `mtl_exercises_add_learner`, and keeps it by `mtl_learner_save`. An exercise at fault is the call's
// error. `MTL_ERROR_ARGUMENT` (a model of another kind, a history of two users or without mistakes, a prior of another user or
// model), `MTL_ERROR_INPUT`, `MTL_ERROR_LIMIT`, `MTL_ERROR_CANCELLED`, `MTL_ERROR_DEADLINE`. Since 1.0.
mtl_status mtl_scorer_adapt(const mtl_model *model,
                            const mtl_exercises *history,
                            const mtl_learner *prior,
                            const mtl_cancel *cancel,
                            mtl_learner **out_learner,
                            mtl_error **out_error);

// Keeps what a learner has answered and fits nothing: for answers that the model was trained on with them. Only for a model
// that reads what was answered before (`architecture.history` of its manifest); any other is refused by
// `MTL_ERROR_ARGUMENT`. Everything else is as with `mtl_scorer_adapt`, which may go on from the learner. Since 1.0.
mtl_status mtl_scorer_remember(const mtl_model *model,
                               const mtl_exercises *history,
                               const mtl_learner *prior,
                               const mtl_cancel *cancel,
                               mtl_learner **out_learner,
                               mtl_error **out_error);

// The learner's bytes, for storage: a few hundred, and with a model that reads what was answered before some 30 a word; any
// machine reads them. They belong to the learner. NULL for a NULL learner. Since 1.0.
const void *mtl_learner_save(const mtl_learner *learner,
                             size_t *out_length);

// Makes a learner from the `length` bytes at `data` that `mtl_learner_save` gave. The caller frees it. Bytes of anything
// else are refused: `MTL_ERROR_INPUT`. Since 1.0.
mtl_status mtl_learner_load(const void *data,
                            size_t length,
                            mtl_learner **out_learner,
                            mtl_error **out_error);

// The user whose exercises the learner is for, not ended by a NUL; it belongs to the learner. NULL for a NULL learner.
// Since 1.0.
const char *mtl_learner_user(const mtl_learner *learner,
                             size_t *out_length);

// How many answered words the learner was fitted to, over all calls; 0 for NULL. Since 1.0.
uint64_t mtl_learner_words(const mtl_learner *learner);

// Frees the learner; NULL is ignored. Since 1.0.
void mtl_learner_free(mtl_learner *learner);

// Makes a slot that holds a reference of its own to `model`. Since 1.0.
mtl_status mtl_slot_new(const mtl_model *model, mtl_slot **out_slot, mtl_error **out_error);

// Gives a reference to the model that the slot holds now; the caller releases it. Calls that use it go on with it when
// the slot gets another. Any thread. Since 1.0.
mtl_status mtl_slot_get(const mtl_slot *slot,
                        const mtl_model **out_model,
                        mtl_error **out_error);

// Puts a reference of its own to `model` in place of the one before, whose last user frees it. Any thread. Since 1.0.
mtl_status mtl_slot_set(const mtl_slot *slot,
                        const mtl_model *model,
                        mtl_error **out_error);

// Frees the slot and its reference; NULL is ignored. Since 1.0.
void mtl_slot_free(mtl_slot *slot);

// The best path of each sentence (Viterbi). `out_labels` receives the labels of all tokens, the sentences one behind the
// other, and has room for `labels_room` of them; `out_scores` (may be NULL) the score of each sentence's path. Nothing is
// written on failure. Since 1.0.
mtl_status mtl_crf_viterbi(const mtl_crf *crf,
                           const mtl_sequences *emissions,
                           uint32_t *out_labels,
                           size_t labels_room,
                           float *out_scores,
                           mtl_error **out_error);

// P(label of the token | sentence) for each token and label (forward-backward), at `temperature` (1 for the CRF as it
// is). `out_marginals` receives `[tokens, labels]` values, the sentences one behind the other, and has room for
// `marginals_room`; `out_log_z` (may be NULL) the logarithm of each sentence's partition function. Nothing is written on
// failure. Since 1.0.
mtl_status mtl_crf_marginals(const mtl_crf *crf,
                             const mtl_sequences *emissions,
                             float temperature,
                             float *out_marginals,
                             size_t marginals_room,
                             double *out_log_z,
                             mtl_error **out_error);

// Packs the weights of a BiLSTM with its linear layer, and the CRF over its labels; what they point to may be freed
// afterwards. The caller frees the object. Since 1.0.
mtl_status mtl_bilstm_crf_new(const mtl_bilstm *bilstm,
                              const mtl_crf *crf,
                              mtl_bilstm_crf **out_network,
                              mtl_error **out_error);

// Length of the rows of features that it takes; 0 for NULL. Since 1.0.
uint32_t mtl_bilstm_crf_inputs(const mtl_bilstm_crf *network);

// The best path of each sentence, from rows of features to labels, on the thread that calls. `out_labels` receives the
// labels of all tokens, the sentences one behind the other, and has room for `labels_room` of them; `out_scores` (may be
// NULL) the score of each sentence's path. `cancel` may be NULL. A sentence's path does not depend on the others. Nothing
// is written on failure. `MTL_ERROR_CANCELLED`, `MTL_ERROR_DEADLINE`. Since 1.0.
mtl_status mtl_bilstm_crf_decode(const mtl_bilstm_crf *network,
                                 const mtl_sequences *features,
                                 const mtl_cancel *cancel,
                                 uint32_t *out_labels,
                                 size_t labels_room,
                                 float *out_scores,
                                 mtl_error **out_error);

// Frees it; NULL is ignored. Since 1.0.
void mtl_bilstm_crf_free(mtl_bilstm_crf *network);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* MTL_H */
