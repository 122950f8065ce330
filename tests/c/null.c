/* NULL in every position of every function. Where it may stand, the header says so; elsewhere it is an error. FAILS also
   makes each call with a NULL out_error. */
#include "check.h"

#define REFUSES(call) FAILS(MTL_ERROR_ARGUMENT, call)

static const mtl_model *model;
static mtl_bundle *bundle;
static mtl_batch *batch;
static mtl_result *result;

static void frees_accept_null(void) {
  mtl_error_free(NULL);
  mtl_options_free(NULL);
  mtl_cancel_free(NULL);
  mtl_env_free(NULL);
  mtl_bundle_free(NULL);
  mtl_model_release(NULL);
  mtl_batch_free(NULL);
  mtl_result_free(NULL);
  mtl_slot_free(NULL);
  mtl_alignment_free(NULL);
  mtl_exercises_free(NULL);
  mtl_scores_free(NULL);
  mtl_learner_free(NULL);
  mtl_bilstm_crf_free(NULL);
  CHECK(mtl_model_retain(NULL) == NULL);
}

static void errors_and_logs(void) {
  size_t length = 7;
  CHECK(mtl_error_status(NULL) == MTL_OK);
  CHECK(mtl_error_message(NULL, NULL)[0] == '\0');
  CHECK(mtl_error_message(NULL, &length)[0] == '\0' && length == 0);
  CHECK(mtl_error_detail(NULL, "place", 5, &length) == NULL && mtl_error_detail(NULL, NULL, 5, NULL) == NULL);
  WORKS(mtl_log_set(NULL, NULL, 0, E));
  CHECK(mtl_log_set(NULL, NULL, 0, NULL) == MTL_OK);
}

static void makers(void) {
  mtl_bundle *opened = NULL;
  const mtl_model *made = NULL;
  REFUSES(mtl_options_new(NULL, E));
  REFUSES(mtl_cancel_new(-1, NULL, E));
  REFUSES(mtl_env_new(0, NULL, E));
  REFUSES(mtl_batch_new(NULL, E));
  REFUSES(mtl_exercises_new(NULL, E));
  REFUSES(mtl_bundle_open(NULL, 5, NULL, &opened, E));
  REFUSES(mtl_bundle_open(bundle_path, strlen(bundle_path), NULL, NULL, E));
  REFUSES(mtl_bundle_open_memory(NULL, 512, NULL, &opened, E));
  REFUSES(mtl_bundle_open_memory("", 1, NULL, NULL, E));
  REFUSES(mtl_bundle_open_descriptor(0, 0, 1, NULL, NULL, E));
  REFUSES(mtl_model_open(NULL, NULL, NULL, &made, E));
  REFUSES(mtl_model_open(bundle, NULL, NULL, NULL, E));
  CHECK(opened == NULL && made == NULL);
}

static void options_cancels_and_environments(void) {
  mtl_options *options = options_of("");
  REFUSES(mtl_options_set(NULL, "unit", 4, "bytes", 5, E));
  REFUSES(mtl_options_set(options, NULL, 4, "bytes", 5, E));
  REFUSES(mtl_options_set(options, "unit", 4, NULL, 5, E));
  REFUSES(mtl_options_set(options, NULL, 0, NULL, 0, E));
  mtl_options_free(options);
  REFUSES(mtl_cancel_fire(NULL, E));
  REFUSES(mtl_env_trim(NULL, E));
}

static void bundles_and_models(void) {
  uint32_t task = 0;
  size_t length = 0;
  CHECK(mtl_bundle_digest(NULL, &length) == NULL && mtl_bundle_digest(NULL, NULL) == NULL);
  CHECK(mtl_bundle_manifest(NULL, &length) == NULL && mtl_bundle_manifest(NULL, NULL) == NULL);
  CHECK(mtl_bundle_digest(bundle, NULL) != NULL && mtl_bundle_manifest(bundle, NULL) != NULL);
  CHECK(mtl_model_manifest(NULL, &length) == NULL && mtl_model_manifest(model, NULL) != NULL);
  CHECK(mtl_model_report(NULL, &length) == NULL && mtl_model_report(model, NULL) != NULL);
  CHECK(mtl_model_language_count(NULL) == 0 && mtl_model_task_count(NULL) == 0);
  CHECK(mtl_model_language(NULL, 0, &length) == NULL && mtl_model_language(model, 0, NULL) != NULL);
  CHECK(mtl_model_task_name(NULL, 0, &length) == NULL && mtl_model_task_name(model, 0, NULL) != NULL);
  REFUSES(mtl_model_task_find(NULL, "ner", 3, &task, E));
  REFUSES(mtl_model_task_find(model, NULL, 3, &task, E));
  REFUSES(mtl_model_task_find(model, "ner", 3, NULL, E));
  CHECK(mtl_model_task_knows(NULL, 0, 0) == 0);
  CHECK(mtl_model_label_count(NULL, 0) == 0 && mtl_model_span_label_count(NULL, 0) == 0);
  CHECK(mtl_model_label(NULL, 0, 0, &length) == NULL && mtl_model_label(model, 0, 0, NULL) != NULL);
  CHECK(mtl_model_span_label(NULL, 0, 0, &length) == NULL && mtl_model_span_label(model, 0, 0, NULL) != NULL);
}

static void batches(void) {
  static const char *words[] = {"Ada"}, *no_word[] = {NULL};
  static const size_t lengths[] = {3};
  static const uint64_t offsets[] = {0, 3}, one[] = {0, 1};
  size_t before = mtl_batch_count(batch);
  REFUSES(mtl_batch_add_text(NULL, "Ada", 3, E));
  REFUSES(mtl_batch_add_text(batch, NULL, 3, E));
  REFUSES(mtl_batch_add_tokens(NULL, words, lengths, 1, E));
  REFUSES(mtl_batch_add_tokens(batch, NULL, lengths, 1, E));
  REFUSES(mtl_batch_add_tokens(batch, no_word, lengths, 1, E));
  REFUSES(mtl_batch_add_tokens(batch, words, NULL, 1, E));
  REFUSES(mtl_batch_add_texts_packed(NULL, "Ada", 3, offsets, 1, E));
  REFUSES(mtl_batch_add_texts_packed(batch, NULL, 3, offsets, 1, E));
  REFUSES(mtl_batch_add_texts_packed(batch, "Ada", 3, NULL, 1, E));
  REFUSES(mtl_batch_add_tokens_packed(NULL, "Ada", 3, offsets, 1, one, 1, E));
  REFUSES(mtl_batch_add_tokens_packed(batch, NULL, 3, offsets, 1, one, 1, E));
  REFUSES(mtl_batch_add_tokens_packed(batch, "Ada", 3, NULL, 1, one, 1, E));
  REFUSES(mtl_batch_add_tokens_packed(batch, "Ada", 3, offsets, 1, NULL, 1, E));
  REFUSES(mtl_batch_clear(NULL, E));
  CHECK(mtl_batch_count(NULL) == 0 && mtl_batch_count(batch) == before);
  WORKS(mtl_batch_add_texts_packed(batch, NULL, 0, NULL, 0, E));
  WORKS(mtl_batch_add_tokens_packed(batch, NULL, 0, NULL, 0, NULL, 0, E));
  CHECK(mtl_batch_count(batch) == before);
}

static void tagging_and_results(void) {
  mtl_result *made = NULL;
  mtl_documents documents = {.struct_size = sizeof documents};
  mtl_tokens tokens = {.struct_size = sizeof tokens};
  mtl_tags tags = {.struct_size = sizeof tags};
  mtl_spans spans = {.struct_size = sizeof spans};
  mtl_paths paths = {.struct_size = sizeof paths};
  REFUSES(mtl_tag(NULL, batch, NULL, NULL, &made, E));
  REFUSES(mtl_tag(model, NULL, NULL, NULL, &made, E));
  REFUSES(mtl_tag(model, batch, NULL, NULL, NULL, E));
  CHECK(made == NULL);
  REFUSES(mtl_result_documents(NULL, &documents, E));
  REFUSES(mtl_result_documents(result, NULL, E));
  REFUSES(mtl_result_tokens(NULL, &tokens, E));
  REFUSES(mtl_result_tokens(result, NULL, E));
  REFUSES(mtl_result_tags(NULL, 0, &tags, E));
  REFUSES(mtl_result_tags(result, 0, NULL, E));
  REFUSES(mtl_result_spans(NULL, 0, &spans, E));
  REFUSES(mtl_result_spans(result, 0, NULL, E));
  REFUSES(mtl_result_paths(NULL, 0, &paths, E));
  REFUSES(mtl_result_paths(result, 0, NULL, E));
  CHECK(mtl_result_error(NULL, 0) == NULL);
}

static void alignments(void) {
  mtl_alignment *made = NULL;
  mtl_pairs pairs = {.struct_size = sizeof pairs};
  mtl_words words = {.struct_size = sizeof words};
  mtl_edits edits = {.struct_size = sizeof edits};
  REFUSES(mtl_align(NULL, batch, NULL, NULL, &made, E));
  REFUSES(mtl_align(batch, NULL, NULL, NULL, &made, E));
  REFUSES(mtl_align(batch, batch, NULL, NULL, NULL, E));
  CHECK(made == NULL);
  WORKS(mtl_align(batch, batch, NULL, NULL, &made, E));
  REFUSES(mtl_alignment_pairs(NULL, &pairs, E));
  REFUSES(mtl_alignment_pairs(made, NULL, E));
  REFUSES(mtl_alignment_words(NULL, &words, E));
  REFUSES(mtl_alignment_words(made, NULL, E));
  REFUSES(mtl_alignment_edits(NULL, &edits, E));
  REFUSES(mtl_alignment_edits(made, NULL, E));
  CHECK(mtl_alignment_error(NULL, 0) == NULL);
  mtl_alignment_free(made);
}

static void exercises_and_scores(void) {
  static const char *words[] = {"la"}, *no_word[] = {NULL};
  static const size_t lengths[] = {2};
  mtl_exercises *exercises = NULL;
  mtl_scores *made = NULL;
  mtl_probabilities probabilities = {.struct_size = sizeof probabilities};
  mtl_exercise_columns columns = {.struct_size = sizeof columns};
  WORKS(mtl_exercises_new(&exercises, E));
  REFUSES(mtl_exercises_add(NULL, words, lengths, 1, E));
  REFUSES(mtl_exercises_add(exercises, NULL, lengths, 1, E));
  REFUSES(mtl_exercises_add(exercises, no_word, lengths, 1, E));
  REFUSES(mtl_exercises_add(exercises, words, NULL, 1, E));
  REFUSES(mtl_exercises_add_columns(NULL, &columns, E));
  REFUSES(mtl_exercises_add_columns(exercises, NULL, E));
  CHECK(mtl_exercises_count(NULL) == 0 && mtl_exercises_count(exercises) == 0);
  WORKS(mtl_exercises_add(exercises, words, lengths, 1, E));
  REFUSES(mtl_exercises_set(NULL, "user", 4, "a", 1, E));
  REFUSES(mtl_exercises_set(exercises, NULL, 4, "a", 1, E));
  REFUSES(mtl_exercises_set(exercises, "user", 4, NULL, 1, E));
  REFUSES(mtl_exercises_clear(NULL, E));
  REFUSES(mtl_score(NULL, exercises, NULL, NULL, &made, E));
  REFUSES(mtl_score(model, NULL, NULL, NULL, &made, E));
  REFUSES(mtl_score(model, exercises, NULL, NULL, NULL, E));
  REFUSES(mtl_scores_probabilities(NULL, &probabilities, E));
  CHECK(mtl_scores_error(NULL, 0) == NULL && made == NULL);
  mtl_exercises_free(exercises);
}

static void learners(void) {
  static const uint8_t mistakes[] = {1};
  size_t length = 7;
  mtl_exercises *exercises = NULL;
  mtl_learner *made = NULL;
  WORKS(mtl_exercises_new(&exercises, E));
  REFUSES(mtl_exercises_set_mistakes(NULL, mistakes, 1, E));
  REFUSES(mtl_exercises_set_mistakes(exercises, NULL, 1, E));
  WORKS(mtl_exercises_set_mistakes(exercises, NULL, 0, E));
  REFUSES(mtl_exercises_add_learner(exercises, NULL, E));
  REFUSES(mtl_exercises_add_learner(NULL, NULL, E));
  REFUSES(mtl_scorer_adapt(NULL, exercises, NULL, NULL, &made, E));
  REFUSES(mtl_scorer_adapt(model, NULL, NULL, NULL, &made, E));
  REFUSES(mtl_scorer_adapt(model, exercises, NULL, NULL, NULL, E));
  REFUSES(mtl_scorer_remember(NULL, exercises, NULL, NULL, &made, E));
  REFUSES(mtl_scorer_remember(model, NULL, NULL, NULL, &made, E));
  REFUSES(mtl_scorer_remember(model, exercises, NULL, NULL, NULL, E));
  REFUSES(mtl_learner_load(NULL, 5, &made, E));
  REFUSES(mtl_learner_load("MTLLRNR", 7, NULL, E));
  CHECK(mtl_learner_save(NULL, &length) == NULL && mtl_learner_save(NULL, NULL) == NULL);
  CHECK(mtl_learner_user(NULL, &length) == NULL && mtl_learner_user(NULL, NULL) == NULL);
  CHECK(mtl_learner_words(NULL) == 0 && made == NULL);
  mtl_exercises_free(exercises);
}

static void slots(void) {
  mtl_slot *slot = NULL, *another = NULL;
  const mtl_model *held = NULL;
  REFUSES(mtl_slot_new(NULL, &another, E));
  REFUSES(mtl_slot_new(model, NULL, E));
  WORKS(mtl_slot_new(model, &slot, E));
  REFUSES(mtl_slot_get(NULL, &held, E));
  REFUSES(mtl_slot_get(slot, NULL, E));
  REFUSES(mtl_slot_set(NULL, model, E));
  REFUSES(mtl_slot_set(slot, NULL, E));
  CHECK(another == NULL && held == NULL);
  mtl_slot_free(slot);
}

static void kernels(void) {
  static const float zero[1] = {0};
  static const uint32_t lengths[1] = {1};
  mtl_crf crf = {sizeof crf, 1, zero, zero, zero};
  mtl_sequences emissions = {sizeof emissions, MTL_F32, zero, 1, 1, 1, 1, lengths};
  uint32_t labels[1];
  float marginals[1];
  REFUSES(mtl_crf_viterbi(NULL, &emissions, labels, 1, NULL, E));
  REFUSES(mtl_crf_viterbi(&crf, NULL, labels, 1, NULL, E));
  REFUSES(mtl_crf_viterbi(&crf, &emissions, NULL, 1, NULL, E));
  REFUSES(mtl_crf_marginals(NULL, &emissions, 1, marginals, 1, NULL, E));
  REFUSES(mtl_crf_marginals(&crf, NULL, 1, marginals, 1, NULL, E));
  REFUSES(mtl_crf_marginals(&crf, &emissions, 1, NULL, 1, NULL, E));
  static const float weights[16] = {0}; /* as many as the largest has: 2 x 8 biases */
  mtl_bilstm bilstm = {sizeof bilstm, MTL_F32, 1, 1, weights, weights, weights, weights, weights};
  mtl_bilstm_crf *network = NULL;
  REFUSES(mtl_bilstm_crf_new(NULL, &crf, &network, E));
  REFUSES(mtl_bilstm_crf_new(&bilstm, NULL, &network, E));
  REFUSES(mtl_bilstm_crf_new(&bilstm, &crf, NULL, E));
  CHECK(network == NULL && mtl_bilstm_crf_inputs(NULL) == 0);
  WORKS(mtl_bilstm_crf_new(&bilstm, &crf, &network, E));
  REFUSES(mtl_bilstm_crf_decode(NULL, &emissions, NULL, labels, 1, NULL, E));
  REFUSES(mtl_bilstm_crf_decode(network, NULL, NULL, labels, 1, NULL, E));
  REFUSES(mtl_bilstm_crf_decode(network, &emissions, NULL, NULL, 1, NULL, E));
  mtl_bilstm_crf_free(network);
}

void test_null(void) {
  model = open_model();
  batch = batch_of((const char *[]){"Ada sails."}, 1);
  result = tagged(model, "Ada sails.", "");
  WORKS(mtl_bundle_open(bundle_path, strlen(bundle_path), NULL, &bundle, E));
  RUN(frees_accept_null);
  RUN(errors_and_logs);
  RUN(makers);
  RUN(options_cancels_and_environments);
  RUN(bundles_and_models);
  RUN(batches);
  RUN(tagging_and_results);
  RUN(alignments);
  RUN(exercises_and_scores);
  RUN(learners);
  RUN(slots);
  RUN(kernels);
  mtl_bundle_free(bundle);
  mtl_result_free(result);
  mtl_batch_free(batch);
  mtl_model_release(model);
}
