/* A program of the last release: it is compiled with that release's header and linked with that release's library, and
   then runs on the library of today: released BUNDLE ARCHIVE. It uses every noun; a function or structure that came later
   has no place here before the release is moved (abi/README.md). */
#include "must.h"

#include <mtl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char text[] = "Maria Jensen moved from Copenhagen to Toronto.";

static void count_messages(void *user, uint32_t level, const char *message, size_t length) {
  MUST(level <= MTL_LOG_INFO && message != NULL && length > 0);
  ++*(int *)user;
}

static void versions_errors_and_options(void) {
  mtl_error *error = NULL;
  mtl_bundle *bundle = NULL;
  size_t length = 0;
  MUST(mtl_abi_version() == MTL_ABI_VERSION);
  MUST(mtl_version() >= MTL_VERSION_MAJOR * 1000000 + MTL_VERSION_MINOR * 1000 + MTL_VERSION_PATCH);
  MUST(mtl_build_info()[0] == '{' && strcmp(mtl_status_name(MTL_ERROR_IO), "MTL_ERROR_IO") == 0);
  MUST(mtl_bundle_open("none", 4, NULL, &bundle, &error) == MTL_ERROR_IO && bundle == NULL);
  MUST(mtl_error_status(error) == MTL_ERROR_IO && mtl_error_message(error, &length)[length] == '\0' && length > 0);
  MUST(mtl_error_detail(error, "remedy", 6, &length) != NULL);
  mtl_error_free(error);
  mtl_options *options = NULL;
  MUST(mtl_options_new(&options, NULL) == MTL_OK);
  MUST(mtl_options_set(options, "colour", 6, "red", 3, NULL) == MTL_ERROR_ARGUMENT);
  mtl_options_free(options);
}

/* A bundle from a folder, and from an archive in memory and by its descriptor: the same one. */
static mtl_bundle *bundles(const char *path, const char *archive) {
  mtl_bundle *bundle = NULL, *other = NULL;
  MUST(mtl_bundle_open(path, strlen(path), NULL, &bundle, NULL) == MTL_OK);
  FILE *file = fopen(archive, "rb");
  MUST(file != NULL && fseek(file, 0, SEEK_END) == 0);
  size_t size = (size_t)ftell(file), length = 0, other_length = 0;
  void *bytes = malloc(size);
  rewind(file);
  MUST(bytes != NULL && fread(bytes, 1, size, file) == size);
  MUST(mtl_bundle_open_memory(bytes, size, NULL, &other, NULL) == MTL_OK);
  free(bytes);
  const char *digest = mtl_bundle_digest(bundle, &length), *same = mtl_bundle_digest(other, &other_length);
  MUST(length > 0 && length == other_length && memcmp(digest, same, length) == 0);
  mtl_bundle_free(other);
  MUST(mtl_bundle_open_descriptor(fileno(file), 0, size, NULL, &other, NULL) == MTL_OK);
  MUST(mtl_bundle_manifest(other, &length)[0] == '{');
  mtl_bundle_free(other);
  fclose(file);
  return bundle;
}

static void views(const mtl_model *model, const mtl_result *result) {
  uint32_t ner = MTL_NONE;
  mtl_documents documents = {sizeof documents, 0, NULL, NULL, NULL};
  mtl_tokens tokens = {sizeof tokens, 0, NULL, NULL, 0, NULL};
  mtl_tags tags = {sizeof tags, 0, NULL, NULL};
  mtl_spans spans = {sizeof spans, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL};
  mtl_paths paths = {sizeof paths, 0, NULL, NULL, NULL, NULL};
  size_t length = 0;
  MUST(mtl_model_task_find(model, "ner", 3, &ner, NULL) == MTL_OK);
  MUST(mtl_result_documents(result, &documents, NULL) == MTL_OK && documents.count == 2);
  MUST(documents.status[0] == MTL_OK && documents.status[1] == MTL_ERROR_INPUT && documents.language[1] == MTL_NONE);
  MUST(mtl_result_error(result, 0) == NULL && mtl_error_status(mtl_result_error(result, 1)) == MTL_ERROR_INPUT);
  MUST(mtl_result_tokens(result, &tokens, NULL) == MTL_OK && tokens.count == 8 && tokens.sentence_count == 1);
  MUST(tokens.start[1] == 6 && tokens.end[1] == 12 && tokens.sentences[1] == 8);
  MUST(mtl_result_tags(result, ner, &tags, NULL) == MTL_OK && tags.count == 8 && tags.score[0] > 0.0F);
  MUST(mtl_model_label(model, ner, tags.label[0], &length) != NULL && length > 0);
  MUST(mtl_result_spans(result, ner, &spans, NULL) == MTL_OK && spans.count > 0 && spans.score[0] > 0.0F);
  MUST(spans.document[0] == 0 && spans.end[0] > spans.start[0] && spans.end_token[0] > spans.first_token[0]);
  MUST(mtl_model_span_label(model, ner, spans.label[0], &length) != NULL && length > 0);
  MUST(mtl_result_paths(result, ner, &paths, NULL) == MTL_OK && paths.count > 0 && paths.probability[0] > 0.0);
  MUST(paths.labels[1] - paths.labels[0] == 8 && paths.label[0] == tags.label[0]);
}

static mtl_batch *documents(void) {
  static const char *const words[] = {"Ada", "sails"};
  static const size_t lengths[] = {3, 5};
  static const uint64_t offsets[] = {0, 3, 8}, all[] = {0, 2};
  mtl_batch *batch = NULL;
  MUST(mtl_batch_new(&batch, NULL) == MTL_OK);
  MUST(mtl_batch_add_tokens(batch, words, lengths, 2, NULL) == MTL_OK);
  MUST(mtl_batch_add_texts_packed(batch, "Adasails", 8, offsets, 2, NULL) == MTL_OK);
  MUST(mtl_batch_add_tokens_packed(batch, "Adasails", 8, offsets, 2, all, 1, NULL) == MTL_OK);
  MUST(mtl_batch_count(batch) == 4 && mtl_batch_clear(batch, NULL) == MTL_OK && mtl_batch_count(batch) == 0);
  MUST(mtl_batch_add_text(batch, text, sizeof text - 1, NULL) == MTL_OK);
  MUST(mtl_batch_add_text(batch, "\xff", 1, NULL) == MTL_OK);
  return batch;
}

static void tagging(const mtl_model *model) {
  mtl_batch *batch = documents();
  mtl_options *options = NULL;
  mtl_cancel *cancel = NULL;
  mtl_result *result = NULL;
  MUST(mtl_options_new(&options, NULL) == MTL_OK);
  MUST(mtl_options_set(options, "scores", 6, "true", 4, NULL) == MTL_OK);
  MUST(mtl_options_set(options, "nbest", 5, "3", 1, NULL) == MTL_OK);
  MUST(mtl_cancel_new(-1, &cancel, NULL) == MTL_OK);
  MUST(mtl_tag(model, batch, options, cancel, &result, NULL) == MTL_OK);
  views(model, result);
  mtl_result_free(result);
  MUST(mtl_cancel_fire(cancel, NULL) == MTL_OK);
  MUST(mtl_tag(model, batch, options, cancel, &result, NULL) == MTL_ERROR_CANCELLED);
  mtl_cancel_free(cancel);
  mtl_options_free(options);
  mtl_batch_free(batch);
}

static void models(const mtl_bundle *bundle) {
  mtl_env *env = NULL;
  mtl_slot *slot = NULL;
  const mtl_model *model = NULL, *held = NULL;
  size_t length = 0;
  MUST(mtl_env_new(1, &env, NULL) == MTL_OK);
  MUST(mtl_model_open(bundle, NULL, env, &model, NULL) == MTL_OK);
  MUST(mtl_env_trim(env, NULL) == MTL_OK);
  mtl_env_free(env);
  MUST(mtl_model_manifest(model, &length)[0] == '{' && mtl_model_report(model, &length)[0] == '{');
  MUST(mtl_model_language_count(model) > 0 && mtl_model_language(model, 0, &length) != NULL);
  MUST(mtl_model_task_count(model) > 0 && mtl_model_task_name(model, 0, &length) != NULL);
  MUST(mtl_model_label_count(model, 0) > 0 && mtl_model_span_label_count(model, MTL_NONE) == 0);
  MUST(mtl_model_task_knows(model, 0, MTL_NONE) == 0);
  MUST(mtl_slot_new(model, &slot, NULL) == MTL_OK && mtl_slot_get(slot, &held, NULL) == MTL_OK);
  MUST(mtl_slot_set(slot, held, NULL) == MTL_OK && mtl_model_retain(held) == held);
  mtl_model_release(held);
  mtl_slot_free(slot);
  mtl_model_release(model);
  tagging(held);
  mtl_model_release(held);
}

static void kernels(void) {
  static const float start[] = {0, 1}, end[] = {0, 0}, transitions[] = {0, 0, 0, 2}, data[] = {1, 0, 0, 1};
  static const uint32_t lengths[] = {2};
  mtl_crf crf = {sizeof crf, 2, start, end, transitions};
  mtl_sequences emissions = {sizeof emissions, MTL_F32, data, 4, 4, 2, 1, lengths};
  uint32_t labels[2];
  float score = 0, marginals[4];
  double log_z = 0;
  MUST(mtl_crf_viterbi(&crf, &emissions, labels, 2, &score, NULL) == MTL_OK);
  MUST(labels[0] == 1 && labels[1] == 1 && score == 4.0F);
  MUST(mtl_crf_marginals(&crf, &emissions, 1, marginals, 4, &log_z, NULL) == MTL_OK && log_z > 4);
  MUST(marginals[1] > 0.5F && marginals[3] > 0.5F);
}

static void alignments(void) {
  static const char right[] = "I love my mother.", typed[] = "I love mader";
  mtl_batch *correct = NULL, *answers = NULL;
  mtl_alignment *alignment = NULL;
  mtl_pairs pairs = {sizeof pairs, 0, NULL, NULL, NULL, NULL};
  mtl_words words = {sizeof words, 0, NULL, NULL, NULL};
  mtl_edits edits = {sizeof edits, 0, NULL, NULL, NULL, NULL};
  MUST(mtl_batch_new(&correct, NULL) == MTL_OK && mtl_batch_new(&answers, NULL) == MTL_OK);
  MUST(mtl_batch_add_text(correct, right, sizeof right - 1, NULL) == MTL_OK);
  MUST(mtl_batch_add_text(answers, typed, sizeof typed - 1, NULL) == MTL_OK);
  MUST(mtl_align(correct, answers, NULL, NULL, &alignment, NULL) == MTL_OK);
  MUST(mtl_alignment_pairs(alignment, &pairs, NULL) == MTL_OK && pairs.count == 1 && pairs.status[0] == MTL_OK);
  MUST(pairs.word_error_rate[0] == 0.5 && pairs.edits[1] == 4 && mtl_alignment_error(alignment, 0) == NULL);
  MUST(mtl_alignment_words(alignment, &words, NULL) == MTL_OK && words.count == pairs.words[1]);
  MUST(words.start[3] == 10 && words.end[3] == 16 && words.mistake[3] == 1 && words.mistake[0] == 0);
  MUST(mtl_alignment_edits(alignment, &edits, NULL) == MTL_OK && edits.count == 4);
  MUST(edits.kind[0] == MTL_EDIT_MATCH && edits.kind[2] == MTL_EDIT_DELETE && edits.word[2] == 2);
  MUST(edits.kind[3] == MTL_EDIT_SUBSTITUTE && edits.start[3] == 7 && edits.end[3] == 12);
  mtl_alignment_free(alignment);
  mtl_batch_free(answers);
  mtl_batch_free(correct);
}

/* Of four words that a tagger cannot adapt to. */
static void learners(const mtl_model *tagger, mtl_exercises *history) {
  static const uint8_t mistakes[] = {0, 1, 1, 0};
  mtl_learner *learner = NULL;
  size_t length = 7;
  MUST(mtl_exercises_set_mistakes(history, mistakes, 4, NULL) == MTL_OK);
  MUST(mtl_scorer_adapt(tagger, history, NULL, NULL, &learner, NULL) == MTL_ERROR_ARGUMENT);
  MUST(mtl_learner_load("no learner", 10, &learner, NULL) == MTL_ERROR_INPUT && learner == NULL);
  MUST(mtl_exercises_add_learner(history, learner, NULL) == MTL_ERROR_ARGUMENT);
  MUST(mtl_learner_save(learner, &length) == NULL && mtl_learner_user(learner, &length) == NULL);
  MUST(mtl_learner_words(learner) == 0);
  mtl_learner_free(learner);
}

static void exercises(const mtl_bundle *bundle) {
  static const char *const words[] = {"la", "casa"};
  static const size_t lengths[] = {2, 4};
  static const uint64_t users[] = {0, 3}, casa[] = {0, 2, 6}, exercise_words[] = {0, 2};
  mtl_exercises *made = NULL;
  mtl_exercise_columns columns = {.struct_size = sizeof columns, .count = 1, .word_count = 2};
  const mtl_model *tagger = NULL;
  mtl_scores *scores = NULL;
  columns.user = (mtl_strings){"ada", 3, users};
  columns.words = (mtl_strings){"lacasa", 6, casa};
  columns.exercise_words = exercise_words;
  MUST(mtl_exercises_new(&made, NULL) == MTL_OK && mtl_exercises_add(made, words, lengths, 2, NULL) == MTL_OK);
  MUST(mtl_exercises_set(made, "days", 4, "1.5", 3, NULL) == MTL_OK);
  MUST(mtl_exercises_add_columns(made, &columns, NULL) == MTL_OK && mtl_exercises_count(made) == 2);
  MUST(mtl_model_open(bundle, NULL, NULL, &tagger, NULL) == MTL_OK);
  MUST(mtl_score(tagger, made, NULL, NULL, &scores, NULL) == MTL_ERROR_ARGUMENT && scores == NULL);
  MUST(mtl_scores_error(NULL, 0) == NULL);
  mtl_scores_free(NULL);
  learners(tagger, made);
  mtl_model_release(tagger);
  MUST(mtl_exercises_clear(made, NULL) == MTL_OK && mtl_exercises_count(made) == 0);
  mtl_exercises_free(made);
}

/* A network whose weights are 0: the label is that of the larger bias of the output. */
static void networks(void) {
  static const float zeros[64] = {0}, rows[] = {1, 2}, output_bias[] = {0, 1};
  static const uint32_t lengths[] = {2};
  mtl_crf crf = {sizeof crf, 2, zeros, zeros, zeros};
  mtl_bilstm bilstm = {sizeof bilstm, MTL_F32, 1, 1, zeros, zeros, zeros, zeros, output_bias};
  mtl_sequences features = {sizeof features, MTL_F32, rows, 2, 2, 1, 1, lengths};
  mtl_bilstm_crf *network = NULL;
  uint32_t labels[2] = {0, 0};
  float score = 0;
  MUST(mtl_bilstm_crf_new(&bilstm, &crf, &network, NULL) == MTL_OK && mtl_bilstm_crf_inputs(network) == 1);
  MUST(mtl_bilstm_crf_decode(network, &features, NULL, labels, 2, &score, NULL) == MTL_OK);
  MUST(labels[0] == 1 && labels[1] == 1 && score == 2.0F);
  mtl_bilstm_crf_free(network);
}

int main(int argc, char **argv) {
  int messages = 0;
  MUST(argc == 3);
  versions_errors_and_options();
  MUST(mtl_log_set(count_messages, &messages, MTL_LOG_INFO, NULL) == MTL_OK);
  mtl_bundle *bundle = bundles(argv[1], argv[2]);
  models(bundle);
  MUST(mtl_log_set(NULL, NULL, MTL_LOG_INFO, NULL) == MTL_OK && messages > 0);
  exercises(bundle);
  mtl_bundle_free(bundle);
  alignments();
  kernels();
  networks();
  return 0;
}
