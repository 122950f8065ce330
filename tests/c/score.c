/* Word-error scoring. */
#include "check.h"

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

void test_score(void) {
  RUN(a_tagger_scores_nothing);
  RUN(an_option_of_another_call_is_refused);
}
