/* Panics at every crossing of the boundary: panic BUNDLE ARCHIVE. One round calls every function of the library that can
   fail; in the n-th round the n-th crossing panics. Nothing may end the process, be lost, or harm another object. Links
   the library that is built with panics on demand, libfault.a. */
#include <mtl_experimental.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of that library: the n-th crossing from now on panics. Returns what was left of an earlier n. */
uint32_t mtl_x_panic_at(uint32_t crossing);

static const char *path, *archive_path;
static int calls, panics, faults;

static void check(int holds, const char *what, int line) {
  if (!holds) {
    faults++;
    printf("panic.c:%d: does not hold: %s\n", line, what);
  }
}
#define CHECK(condition) check((condition) != 0, #condition, __LINE__)

/* What calls may answer after the round's panic: that an object is poisoned, or was not made. */
static int fits(mtl_status status) {
  return panics > 0 && (status == MTL_ERROR_POISONED || status == MTL_ERROR_ARGUMENT);
}

/* The call, which gives `usual`; after a panic once more: then it gives `again`. */
#define CALL(usual, again, call)                                             \
  do {                                                                \
    mtl_error *error = NULL;                                          \
    calls++;                                                          \
    mtl_status status = call;                                         \
    if (status == MTL_ERROR_PANIC) {                                  \
      panics++;                                                       \
      CHECK(strstr(mtl_error_message(error, NULL), "on demand"));     \
      mtl_error_free(error);                                          \
      error = NULL;                                                   \
      status = call;                                                  \
      check(status == (again), #call, __LINE__);                      \
    }                                                                 \
    check(status == (usual) || fits(status), #call, __LINE__);        \
    mtl_error_free(error);                                            \
  } while (0)

#define MAKES(call) CALL(MTL_OK, MTL_OK, call)          /* concerns no object that there was */
#define ON(call) CALL(MTL_OK, MTL_ERROR_POISONED, call) /* concerns its first argument */

struct objects {
  mtl_options *options;
  mtl_cancel *cancel;
  mtl_env *env;
  mtl_bundle *bundle;
  const mtl_model *model;
  mtl_batch *batch;
  mtl_result *result;
  mtl_slot *slot;
};

static void make(struct objects *o) {
  MAKES(mtl_options_new(&o->options, &error));
  ON(mtl_options_set(o->options, "scores", 6, "true", 4, &error));
  ON(mtl_options_set(o->options, "nbest", 5, "2", 1, &error));
  MAKES(mtl_cancel_new(-1, &o->cancel, &error));
  MAKES(mtl_env_new(1, &o->env, &error));
  ON(mtl_env_trim(o->env, &error));
  MAKES(mtl_bundle_open(path, strlen(path), NULL, &o->bundle, &error));
  MAKES(mtl_model_open(o->bundle, NULL, o->env, &o->model, &error));
  MAKES(mtl_slot_new(o->model, &o->slot, &error));
  MAKES(mtl_batch_new(&o->batch, &error));
}

static void open_otherwise(void) {
  mtl_bundle *bundle = NULL;
  int descriptor = open(archive_path, O_RDONLY);
  off_t length = lseek(descriptor, 0, SEEK_END);
  char *bytes = malloc((size_t)length);
  CHECK(pread(descriptor, bytes, (size_t)length, 0) == length);
  MAKES(mtl_bundle_open_memory(bytes, (size_t)length, NULL, &bundle, &error));
  free(bytes);
  mtl_bundle_digest(bundle, NULL);
  mtl_bundle_manifest(bundle, NULL);
  mtl_bundle_free(bundle);
  bundle = NULL;
  MAKES(mtl_bundle_open_descriptor(descriptor, 0, (uint64_t)length, NULL, &bundle, &error));
  close(descriptor);
  mtl_bundle_free(bundle);
}

static void fill(struct objects *o) {
  static const char *words[] = {"Ada", "sails"};
  static const size_t lengths[] = {3, 5};
  static const uint64_t offsets[] = {0, 3, 8}, documents[] = {0, 2};
  ON(mtl_batch_clear(o->batch, &error));
  ON(mtl_batch_add_text(o->batch, "Maria Jensen moved to Toronto.", 30, &error));
  ON(mtl_batch_add_text(o->batch, "\xff", 1, &error));
  ON(mtl_batch_add_tokens(o->batch, words, lengths, 2, &error));
  ON(mtl_batch_add_texts_packed(o->batch, "Adasails", 8, offsets, 2, &error));
  ON(mtl_batch_add_tokens_packed(o->batch, "Adasails", 8, offsets, 2, documents, 1, &error));
  mtl_batch_count(o->batch);
}

static void use(struct objects *o) {
  mtl_documents documents = {.struct_size = sizeof documents};
  mtl_tokens tokens = {.struct_size = sizeof tokens};
  mtl_tags tags = {.struct_size = sizeof tags};
  mtl_spans spans = {.struct_size = sizeof spans};
  mtl_paths paths = {.struct_size = sizeof paths};
  const mtl_model *held = NULL;
  uint32_t task = 0;
  MAKES(mtl_model_task_find(o->model, "ner", 3, &task, &error));
  ON(mtl_slot_set(o->slot, o->model, &error));
  ON(mtl_slot_get(o->slot, &held, &error));
  mtl_model_release(held);
  mtl_model_release(mtl_model_retain(o->model));
  mtl_model_manifest(o->model, NULL), mtl_model_report(o->model, NULL);
  mtl_model_language_count(o->model), mtl_model_language(o->model, 0, NULL);
  mtl_model_task_count(o->model), mtl_model_task_name(o->model, 0, NULL), mtl_model_task_knows(o->model, 0, 0);
  mtl_model_label_count(o->model, 0), mtl_model_label(o->model, 0, 0, NULL);
  mtl_model_span_label_count(o->model, 0), mtl_model_span_label(o->model, 0, 0, NULL);
  ON(mtl_tag(o->model, o->batch, o->options, o->cancel, &o->result, &error));
  ON(mtl_result_documents(o->result, &documents, &error));
  ON(mtl_result_tokens(o->result, &tokens, &error));
  ON(mtl_result_tags(o->result, task, &tags, &error));
  ON(mtl_result_spans(o->result, task, &spans, &error));
  ON(mtl_result_paths(o->result, task, &paths, &error));
  mtl_error_detail(mtl_result_error(o->result, 1), "fault", 5, NULL);
  ON(mtl_cancel_fire(o->cancel, &error));
}

static void use_kernels(void) {
  static const float zero[1] = {0}, weights[16] = {0};
  static const uint32_t lengths[1] = {1};
  mtl_crf crf = {sizeof crf, 1, zero, zero, zero};
  mtl_sequences rows = {sizeof rows, MTL_F32, zero, 1, 1, 1, 1, lengths};
  mtl_bilstm bilstm = {sizeof bilstm, MTL_F32, 1, 1, weights, weights, weights, weights, weights};
  mtl_bilstm_crf *network = NULL;
  uint32_t label = 7;
  float marginal = 0;
  MAKES(mtl_crf_viterbi(&crf, &rows, &label, 1, NULL, &error));
  MAKES(mtl_crf_marginals(&crf, &rows, 1, &marginal, 1, NULL, &error));
  CHECK(label == 0 && marginal == 1);
  MAKES(mtl_bilstm_crf_new(&bilstm, &crf, &network, &error));
  ON(mtl_bilstm_crf_decode(network, &rows, NULL, &label, 1, NULL, &error));
  mtl_bilstm_crf_inputs(network);
  mtl_bilstm_crf_free(network);
}

static void align(struct objects *o) {
  mtl_alignment *alignment = NULL;
  mtl_pairs pairs = {.struct_size = sizeof pairs};
  mtl_words words = {.struct_size = sizeof words};
  mtl_edits edits = {.struct_size = sizeof edits};
  ON(mtl_align(o->batch, o->batch, NULL, NULL, &alignment, &error));
  ON(mtl_alignment_pairs(alignment, &pairs, &error));
  ON(mtl_alignment_words(alignment, &words, &error));
  ON(mtl_alignment_edits(alignment, &edits, &error));
  mtl_alignment_error(alignment, 0);
  mtl_alignment_free(alignment);
}

/* By the zoo's scorer, which stands beside the tagger. */
static void score(void) {
  static const char *words[] = {"la"};
  static const size_t lengths[] = {2};
  static const uint8_t mistakes[] = {1};
  const void *bytes = NULL;
  size_t length = 0;
  mtl_learner *learner = NULL, *stored = NULL;
  char scorer[4096];
  mtl_bundle *bundle = NULL;
  const mtl_model *model = NULL;
  mtl_exercises *exercises = NULL;
  mtl_scores *scores = NULL;
  mtl_probabilities probabilities = {.struct_size = sizeof probabilities};
  mtl_exercise_columns columns = {.struct_size = sizeof columns};
  snprintf(scorer, sizeof scorer, "%s/../sla-demo", path);
  MAKES(mtl_bundle_open(scorer, strlen(scorer), NULL, &bundle, &error));
  MAKES(mtl_model_open(bundle, NULL, NULL, &model, &error));
  MAKES(mtl_exercises_new(&exercises, &error));
  ON(mtl_exercises_clear(exercises, &error));
  ON(mtl_exercises_add(exercises, words, lengths, 1, &error));
  ON(mtl_exercises_set(exercises, "track", 5, "en_es", 5, &error));
  ON(mtl_exercises_add_columns(exercises, &columns, &error));
  mtl_exercises_count(exercises);
  ON(mtl_exercises_set(exercises, "user", 4, "ada", 3, &error));
  ON(mtl_exercises_set_mistakes(exercises, mistakes, 1, &error));
  ON(mtl_scorer_adapt(model, exercises, NULL, NULL, &learner, &error));
  CALL(MTL_ERROR_ARGUMENT, MTL_ERROR_POISONED, mtl_scorer_remember(model, exercises, learner, NULL, &stored, &error));
  bytes = mtl_learner_save(learner, &length);
  if (bytes != NULL) MAKES(mtl_learner_load(bytes, length, &stored, &error));
  mtl_learner_user(learner, NULL), mtl_learner_words(learner);
  if (stored != NULL) ON(mtl_exercises_add_learner(exercises, stored, &error));
  mtl_learner_free(stored);
  mtl_learner_free(learner);
  ON(mtl_score(model, exercises, NULL, NULL, &scores, &error));
  ON(mtl_scores_probabilities(scores, &probabilities, &error));
  mtl_scores_error(scores, 0);
  mtl_scores_free(scores);
  mtl_exercises_free(exercises);
  mtl_model_release(model);
  mtl_bundle_free(bundle);
}

/* A sentence's emissions, and the CRF that decodes them. */
static void look_inside(struct objects *o) {
  static const char *words[] = {"Ada"};
  static const size_t lengths[] = {3};
  float emissions[256];
  mtl_batch *batch = NULL;
  mtl_crf crf = {.struct_size = sizeof crf};
  MAKES(mtl_batch_new(&batch, &error));
  ON(mtl_batch_add_tokens(batch, words, lengths, 1, &error));
  ON(mtl_x_model_crf(o->model, 0, &crf, &error));
  if (mtl_batch_count(batch) == 1) ON(mtl_x_model_emissions(o->model, 0, "en", 2, batch, NULL, emissions, 256, &error));
  mtl_batch_free(batch);
}

static void finish(struct objects *o) {
  mtl_slot_free(o->slot);
  mtl_result_free(o->result);
  mtl_batch_free(o->batch);
  mtl_model_release(o->model);
  mtl_bundle_free(o->bundle);
  mtl_env_free(o->env);
  mtl_cancel_free(o->cancel);
  mtl_options_free(o->options);
}

static void listen(void *user, uint32_t level, const char *message, size_t length) {
  (void)level, (void)message, (void)length;
  *(int *)user = 1;
}

/* Every function that can fail. */
static void everything(void) {
  struct objects o = {0};
  int heard = 0;
  MAKES(mtl_log_set(listen, &heard, MTL_LOG_INFO, &error));
  make(&o);
  open_otherwise();
  fill(&o);
  align(&o);
  use(&o);
  score();
  look_inside(&o);
  use_kernels();
  finish(&o);
  MAKES(mtl_log_set(NULL, NULL, 0, &error));
}

/* What was made before the panic works as before. */
static void bystanders_live_on(struct objects *o) {
  mtl_result *result = NULL;
  mtl_tokens tokens = {.struct_size = sizeof tokens};
  CHECK(mtl_tag(o->model, o->batch, o->options, NULL, &result, NULL) == MTL_OK);
  CHECK(mtl_result_tokens(result, &tokens, NULL) == MTL_OK && tokens.count > 0);
  mtl_result_free(result);
}

int main(int argc, char **argv) {
  struct objects others = {0};
  uint32_t crossings = 0, left = 0;
  int in_a_round = 0, seen = 0;
  if (argc != 3) return 2;
  path = argv[1], archive_path = argv[2];
  make(&others);
  fill(&others);
  calls = 0;
  everything();
  in_a_round = calls;
  CHECK(faults == 0); /* before anything panics */
  while (left == 0) {
    panics = 0;
    mtl_x_panic_at(++crossings);
    everything();
    left = mtl_x_panic_at(0);
    CHECK(panics <= (left == 0)); /* an accessor or a free swallows its panic */
    seen += panics;
    bystanders_live_on(&others);
  }
  finish(&others);
  printf("%u crossings panicked, %d of them as MTL_ERROR_PANIC\n", crossings - 1, seen);
  CHECK(seen == in_a_round);
  printf("tests/c, panics: %d passed, %d failed\n", faults == 0, faults != 0);
  return faults != 0;
}
