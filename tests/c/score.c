/* Word-error scoring, by the zoo's scorer, which stands beside the bundle of the other tests. */
#include "check.h"

#include <math.h>

/* Adds an exercise of the track "en_es" or another, with two words. */
static void add(mtl_exercises *exercises, const char *track, const char *user) {
  static const char *words[] = {"the", "boy"};
  static const size_t lengths[] = {3, 3};
  WORKS(mtl_exercises_add(exercises, words, lengths, 2, E));
  WORKS(mtl_exercises_set(exercises, "track", 5, track, strlen(track), E));
  WORKS(mtl_exercises_set(exercises, "user", 4, user, strlen(user), E));
  WORKS(mtl_exercises_set(exercises, "format", 6, "listen", 6, E));
  WORKS(mtl_exercises_set(exercises, "days", 4, "1.5", 3, E));
}

/* What a scorer says; the caller frees it. */
static mtl_scores *scored(const mtl_model *model, const mtl_exercises *exercises, const char *options,
                          mtl_probabilities *out) {
  mtl_options *made = options_of(options);
  mtl_scores *scores = NULL;
  WORKS(mtl_score(model, exercises, made, NULL, &scores, E));
  *out = (mtl_probabilities){.struct_size = sizeof *out};
  WORKS(mtl_scores_probabilities(scores, out, E));
  mtl_options_free(made);
  return scores;
}

static void every_word_has_a_probability(void) {
  const mtl_model *model = open_scorer();
  mtl_exercises *exercises = NULL;
  mtl_probabilities found, alone, calibrated;
  WORKS(mtl_exercises_new(&exercises, E));
  add(exercises, "en_es", "nobody knows me");
  WORKS(mtl_exercises_add(exercises, NULL, NULL, 0, E)); /* of no words and no track */
  WORKS(mtl_exercises_set(exercises, "track", 5, "en_es", 5, E));
  add(exercises, "xx_yy", "ada");
  mtl_scores *scores = scored(model, exercises, "", &found);
  CHECK(found.count == 3 && found.status[0] == MTL_OK && found.status[1] == MTL_OK);
  CHECK(found.words[0] == 0 && found.words[1] == 2 && found.words[2] == 2 && found.words[3] == 2);
  for (int i = 0; i < 2; i++) CHECK(found.probability[i] > 0 && found.probability[i] < 1);
  CHECK(found.status[2] == MTL_ERROR_ARGUMENT);
  CHECK(strstr(mtl_error_message(mtl_scores_error(scores, 2), NULL), "xx_yy") != NULL);
  CHECK(mtl_scores_error(scores, 0) == NULL && mtl_scores_error(scores, 9) == NULL);

  WORKS(mtl_exercises_clear(exercises, E));
  add(exercises, "en_es", "nobody knows me");
  mtl_scores *one = scored(model, exercises, "", &alone), *other = scored(model, exercises, "calibrated=true", &calibrated);
  for (int i = 0; i < 2; i++) {
    CHECK(alone.probability[i] == found.probability[i]); /* it does not depend on the others */
    CHECK(calibrated.probability[i] < alone.probability[i]);
  }
  mtl_scores_free(scores);
  mtl_scores_free(one);
  mtl_scores_free(other);
  mtl_exercises_free(exercises);
  mtl_model_release(model);
}

static void columns_are_exercises(void) {
  static const uint64_t tracks[] = {0, 5, 10}, users[] = {0, 3, 3}, formats[] = {0, 6, 6}, words[] = {0, 3, 6, 7},
                        bounds[] = {0, 2, 3};
  static const double days[] = {1.5, 0};
  const mtl_model *model = open_scorer();
  mtl_exercises *columns = NULL, *single = NULL;
  mtl_probabilities from_columns, from_single;
  mtl_exercise_columns given = {.struct_size = sizeof given, .count = 2, .days = days, .word_count = 3,
                                .exercise_words = bounds};
  given.track = (mtl_strings){"en_esen_es", 10, tracks};
  given.user = (mtl_strings){"ada", 3, users};
  given.format = (mtl_strings){"listen", 6, formats};
  given.words = (mtl_strings){"theboy\xff", 7, words};
  WORKS(mtl_exercises_new(&columns, E));
  WORKS(mtl_exercises_add_columns(columns, &given, E));
  WORKS(mtl_exercises_new(&single, E));
  add(single, "en_es", "ada");
  mtl_scores *all = scored(model, columns, "", &from_columns), *one = scored(model, single, "", &from_single);
  CHECK(from_columns.status[0] == MTL_OK && from_columns.status[1] == MTL_ERROR_INPUT);
  CHECK(memcmp(from_columns.probability, from_single.probability, 2 * sizeof(float)) == 0);
  CHECK(strstr(mtl_error_message(mtl_scores_error(all, 1), NULL), "word 0") != NULL);
  mtl_scores_free(all);
  mtl_scores_free(one);
  mtl_exercises_free(columns);
  mtl_exercises_free(single);
  mtl_model_release(model);
}

static void a_scorer_tags_nothing(void) {
  const mtl_model *model = open_scorer();
  const char *text = "Ada sails.";
  mtl_batch *batch = batch_of(&text, 1);
  mtl_result *result = NULL;
  uint32_t task = 0;
  size_t length = 0;
  FAILS(MTL_ERROR_ARGUMENT, mtl_tag(model, batch, NULL, NULL, &result, E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_model_task_find(model, "ner", 3, &task, E));
  CHECK(mtl_model_task_count(model) == 0 && mtl_model_label_count(model, 0) == 0);
  CHECK(mtl_model_manifest(model, &length) != NULL && mtl_model_report(model, &length) != NULL);
  mtl_batch_free(batch);
  mtl_model_release(model);
}

static void it_can_be_cancelled(void) {
  const mtl_model *model = open_scorer();
  mtl_exercises *exercises = NULL;
  mtl_cancel *cancel = NULL;
  mtl_scores *scores = NULL;
  WORKS(mtl_exercises_new(&exercises, E));
  WORKS(mtl_cancel_new(-1, &cancel, E));
  WORKS(mtl_cancel_fire(cancel, E));
  FAILS(MTL_ERROR_CANCELLED, mtl_score(model, exercises, NULL, cancel, &scores, E));
  mtl_cancel_free(cancel);
  mtl_exercises_free(exercises);
  mtl_model_release(model);
}

static mtl_exercises *one_exercise(void) {
  static const char *words[] = {"la", "casa"};
  static const size_t lengths[] = {2, 4};
  mtl_exercises *exercises = NULL;
  WORKS(mtl_exercises_new(&exercises, E));
  WORKS(mtl_exercises_add(exercises, words, lengths, 2, E));
  return exercises;
}

static void a_tagger_scores_nothing(void) {
  const mtl_model *model = open_model();
  mtl_exercises *exercises = one_exercise();
  mtl_scores *scores = NULL;
  mtl_error *error = NULL;
  CHECK(mtl_score(model, exercises, NULL, NULL, &scores, &error) == MTL_ERROR_ARGUMENT);
  CHECK(strstr(mtl_error_message(error, NULL), "scorer") != NULL);
  mtl_error_free(error);
  CHECK(scores == NULL);
  mtl_exercises_free(exercises);
  mtl_model_release(model);
}

static void an_option_of_another_call_is_refused(void) {
  const mtl_model *model = open_model();
  mtl_exercises *exercises = one_exercise();
  mtl_options *options = options_of("unit=utf16");
  mtl_scores *scores = NULL;
  mtl_error *error = NULL;
  CHECK(mtl_score(model, exercises, options, NULL, &scores, &error) == MTL_ERROR_ARGUMENT);
  CHECK(strstr(mtl_error_message(error, NULL), "option unit is for mtl_tag") != NULL);
  mtl_error_free(error);
  mtl_options_free(options);
  mtl_exercises_free(exercises);
  mtl_model_release(model);
}

static void vectors_are_for_a_scorer_that_has_none(void) {
  char path[4096];
  mtl_options *options = options_of("vectors=nowhere.safetensors");
  for (int scorer = 0; scorer < 2; scorer++) {
    mtl_bundle *bundle = NULL;
    const mtl_model *model = NULL;
    snprintf(path, sizeof path, "%s%s", bundle_path, scorer ? "/../sla-demo" : "");
    WORKS(mtl_bundle_open(path, strlen(path), NULL, &bundle, E));
    FAILS(scorer ? MTL_ERROR_IO : MTL_ERROR_ARGUMENT, mtl_model_open(bundle, options, NULL, &model, E));
    CHECK(model == NULL);
    mtl_bundle_free(bundle);
  }
  mtl_options_free(options);
}

void test_score(void) {
  RUN(every_word_has_a_probability);
  RUN(columns_are_exercises);
  RUN(a_scorer_tags_nothing);
  RUN(it_can_be_cancelled);
  RUN(a_tagger_scores_nothing);
  RUN(an_option_of_another_call_is_refused);
  RUN(vectors_are_for_a_scorer_that_has_none);
}
