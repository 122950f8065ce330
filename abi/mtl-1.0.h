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
typedef struct mtl_slot mtl_slot;

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

// Type of emissions: 32-bit floating point.
#define MTL_F32 1

// Type of emissions: 16-bit floating point (IEEE 754 binary16).
#define MTL_F16 2

// The most labels that a CRF can have here.
#define MTL_CRF_MAX_LABELS 4096

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

// The emissions of several sentences. The emission of token t of sentence s for label k is element
// `s * sentence_stride + t * token_stride + k`.
typedef struct {
  // Size of this structure; the caller sets it to `sizeof(mtl_emissions)`.
  uint32_t struct_size;
  // `MTL_F32` or `MTL_F16`.
  uint32_t element;
  // The elements; all that belong to a token are finite.
  const void *data;
  // How many elements `data` has.
  size_t data_count;
  // Elements from a sentence to the next.
  size_t sentence_stride;
  // Elements from a token to the next, at least K.
  size_t token_stride;
  // How many sentences there are.
  uint32_t sentences;
  // The number of tokens of each.
  const uint32_t *lengths;
} mtl_emissions;

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
// being changed is lost. When the call returns, the function
// set before runs no more and is not called again. `MTL_ERROR_ARGUMENT` for another level. Since 1.0.
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
// | `mtl_model_open` | `engine` | `native`, `onnx` |
// | | `threads` | `0`: the thread that calls; up to 1024 |
// | | `library` | path of ONNX Runtime's shared library; without it, the one beside the program or the loader's own |
// | | `providers` | `cpu`; ONNX Runtime's execution providers in order, such as `tensorrt?,cuda?,cpu`: with a question mark one is used if it is there, without one it must be |
// | | `accept_telemetry` | `false`; `true` takes an ONNX Runtime that may write telemetry |
// | `mtl_tag` | `tasks` | all of the model's; or names between commas |
// | | `language` | each document's is detected; or an ISO 639-1 code for all |
// | | `unit` | `bytes`, `utf16`, `codepoints`: what offsets count |
// | | `invalid_utf8` | `error`: of the document; `replace`: read as U+FFFD |
// | | `scores` | `false`, `true` |
// | | `nbest` | `0`; up to 100 best paths a sentence |
// | | `zero_shot` | `false`; `true` tags languages that a task was not trained on |
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
// none between calls. Costs later calls a little time. Since 1.0.
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
                           const mtl_emissions *emissions,
                           uint32_t *out_labels,
                           size_t labels_room,
                           float *out_scores,
                           mtl_error **out_error);

// P(label of the token | sentence) for each token and label (forward-backward), at `temperature` (1 for the CRF as it
// is). `out_marginals` receives `[tokens, labels]` values, the sentences one behind the other, and has room for
// `marginals_room`; `out_log_z` (may be NULL) the logarithm of each sentence's partition function. Nothing is written on
// failure. Since 1.0.
mtl_status mtl_crf_marginals(const mtl_crf *crf,
                             const mtl_emissions *emissions,
                             float temperature,
                             float *out_marginals,
                             size_t marginals_room,
                             double *out_log_z,
                             mtl_error **out_error);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* MTL_H */
