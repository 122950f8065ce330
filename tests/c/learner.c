/* Learners that the zoo's scorer has not seen. */
#include "check.h"

/* Adds an exercise of two words by `user`; each of them was a mistake, or none. */
static void answer(mtl_exercises *history, const char *user, uint8_t mistake) {
  static const char *words[] = {"the", "boy"};
  static const size_t lengths[] = {3, 3};
  const uint8_t mistakes[] = {mistake, mistake};
  WORKS(mtl_exercises_add(history, words, lengths, 2, E));
  WORKS(mtl_exercises_set(history, "track", 5, "en_es", 5, E));
  WORKS(mtl_exercises_set(history, "user", 4, user, strlen(user), E));
  WORKS(mtl_exercises_set_mistakes(history, mistakes, 2, E));
}

static mtl_exercises *answers(const char *user, int count, uint8_t mistake) {
  mtl_exercises *history = NULL;
  WORKS(mtl_exercises_new(&history, E));
  for (int i = 0; i < count; i++) answer(history, user, mistake);
  return history;
}

static mtl_learner *adapted(const mtl_model *model, const mtl_exercises *history, const mtl_learner *prior) {
  mtl_learner *learner = NULL;
  WORKS(mtl_scorer_adapt(model, history, prior, NULL, &learner, E));
  return learner;
}

/* P(mistake) of the first word of an exercise by `user`, scored with a learner or without. */
static float probability(const mtl_model *model, const char *user, const mtl_learner *learner) {
  mtl_exercises *next = answers(user, 1, 0);
  mtl_scores *scores = NULL;
  mtl_probabilities found = {.struct_size = sizeof found};
  if (learner != NULL) WORKS(mtl_exercises_add_learner(next, learner, E));
  WORKS(mtl_score(model, next, NULL, NULL, &scores, E));
  WORKS(mtl_scores_probabilities(scores, &found, E));
  float first = found.probability[0];
  mtl_scores_free(scores);
  mtl_exercises_free(next);
  return first;
}

static void a_learner_is_what_they_have_answered(void) {
  const mtl_model *model = open_scorer();
  mtl_exercises *right = answers("ada", 9, 0), *wrong = answers("ada", 9, 1);
  mtl_learner *good = adapted(model, right, NULL), *bad = adapted(model, wrong, NULL);
  size_t length = 0;
  CHECK(same(mtl_learner_user(good, &length), 3, "ada") && length == 3 && mtl_learner_words(good) == 18);
  float unknown = probability(model, "ada", NULL);
  CHECK(probability(model, "ada", good) < unknown && unknown < probability(model, "ada", bad));
  CHECK(probability(model, "bob", bad) == unknown); /* somebody else, whom the model does not know either */
  mtl_learner_free(good);
  mtl_learner_free(bad);
  mtl_exercises_free(right);
  mtl_exercises_free(wrong);
  mtl_model_release(model);
}

static void a_session_is_saved_and_goes_on(void) {
  const mtl_model *model = open_scorer();
  mtl_exercises *history = answers("ada", 5, 1);
  mtl_learner *first = adapted(model, history, NULL), *stored = NULL, *refused = NULL;
  size_t length = 0;
  const void *bytes = mtl_learner_save(first, &length);
  CHECK(length > 100 && length < 1000);
  WORKS(mtl_learner_load(bytes, length, &stored, E));
  CHECK(probability(model, "ada", stored) == probability(model, "ada", first));
  mtl_learner *second = adapted(model, history, stored);
  CHECK(mtl_learner_words(second) == 20);
  CHECK(probability(model, "ada", second) > probability(model, "ada", first));
  FAILS(MTL_ERROR_INPUT, mtl_learner_load(bytes, length - 1, &refused, E));
  FAILS(MTL_ERROR_INPUT, mtl_learner_load("", 0, &refused, E));
  CHECK(refused == NULL);
  mtl_learner_free(first);
  mtl_learner_free(stored);
  mtl_learner_free(second);
  mtl_exercises_free(history);
  mtl_model_release(model);
}

static void what_cannot_be_adapted_to_is_refused(void) {
  static const uint8_t mistakes[] = {0, 1, 2};
  const mtl_model *model = open_scorer(), *tagger = open_model();
  mtl_exercises *history = answers("ada", 2, 1), *empty = answers("ada", 0, 0);
  mtl_learner *learner = NULL, *ada = adapted(model, history, NULL);
  mtl_scores *scores = NULL;
  mtl_cancel *cancel = NULL;
  WORKS(mtl_cancel_new(-1, &cancel, E));
  WORKS(mtl_cancel_fire(cancel, E));
  FAILS(MTL_ERROR_CANCELLED, mtl_scorer_adapt(model, history, NULL, cancel, &learner, E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_scorer_adapt(tagger, history, NULL, NULL, &learner, E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_scorer_adapt(model, empty, NULL, NULL, &learner, E));
  /* The model reads no answers. */
  FAILS(MTL_ERROR_ARGUMENT, mtl_scorer_remember(model, history, NULL, NULL, &learner, E));
  /* A second user. */
  answer(history, "bob", 0);
  FAILS(MTL_ERROR_ARGUMENT, mtl_scorer_adapt(model, history, NULL, NULL, &learner, E));
  /* One and the same learner twice. */
  WORKS(mtl_exercises_add_learner(history, ada, E));
  WORKS(mtl_exercises_add_learner(history, ada, E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_score(model, history, NULL, NULL, &scores, E));
  WORKS(mtl_exercises_clear(history, E));
  WORKS(mtl_score(model, history, NULL, NULL, &scores, E));
  /* Labels: none, too many, none of 0 and 1. */
  static const char *words[] = {"the", "boy"};
  static const size_t lengths[] = {3, 3};
  WORKS(mtl_exercises_add(history, words, lengths, 2, E));
  WORKS(mtl_exercises_set(history, "user", 4, "ada", 3, E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_scorer_adapt(model, history, NULL, NULL, &learner, E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_exercises_set_mistakes(history, mistakes, 3, E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_exercises_set_mistakes(history, mistakes + 1, 2, E));
  WORKS(mtl_exercises_set_mistakes(history, mistakes, 2, E));
  /* It has no track, and is at fault. */
  mtl_error *error = NULL;
  CHECK(mtl_scorer_adapt(model, history, NULL, NULL, &learner, &error) == MTL_ERROR_ARGUMENT);
  CHECK(strstr(mtl_error_message(error, NULL), "exercise 0: track") != NULL);
  mtl_error_free(error);
  CHECK(learner == NULL);
  mtl_scores_free(scores);
  mtl_learner_free(ada);
  mtl_cancel_free(cancel);
  mtl_exercises_free(history);
  mtl_exercises_free(empty);
  mtl_model_release(model);
  mtl_model_release(tagger);
}

/* Columns, with labels for all of them; a fault among them is the call's. */
static void columns_are_a_history(void) {
  static const uint64_t tracks[] = {0, 5, 10}, users[] = {0, 3, 6}, words[] = {0, 3, 6, 9}, bounds[] = {0, 2, 3};
  static const uint8_t mistakes[] = {1, 0, 1};
  const mtl_model *model = open_scorer();
  mtl_exercises *history = NULL;
  mtl_learner *learner = NULL;
  mtl_exercise_columns given = {.struct_size = sizeof given, .count = 2, .word_count = 3, .exercise_words = bounds};
  given.track = (mtl_strings){"en_esen_es", 10, tracks};
  given.user = (mtl_strings){"adaada", 6, users};
  given.words = (mtl_strings){"theboythe", 9, words};
  WORKS(mtl_exercises_new(&history, E));
  WORKS(mtl_exercises_add_columns(history, &given, E));
  WORKS(mtl_exercises_set_mistakes(history, mistakes, 3, E));
  learner = adapted(model, history, NULL);
  CHECK(mtl_learner_words(learner) == 3);
  mtl_learner_free(learner);
  given.words = (mtl_strings){"theboy\xffhe", 9, words};
  WORKS(mtl_exercises_add_columns(history, &given, E));
  WORKS(mtl_exercises_set_mistakes(history, mistakes, 3, E));
  mtl_error *error = NULL;
  CHECK(mtl_scorer_adapt(model, history, NULL, NULL, &learner, &error) == MTL_ERROR_INPUT);
  CHECK(strstr(mtl_error_message(error, NULL), "exercise 3: word 0") != NULL);
  mtl_error_free(error);
  mtl_exercises_free(history);
  mtl_model_release(model);
}

void test_learner(void) {
  RUN(a_learner_is_what_they_have_answered);
  RUN(a_session_is_saved_and_goes_on);
  RUN(what_cannot_be_adapted_to_is_refused);
  RUN(columns_are_a_history);
}
