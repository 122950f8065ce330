/* Exercises, one by one and as columns. */
#include "check.h"

#include <math.h>

static mtl_exercises *made(void) {
  mtl_exercises *exercises = NULL;
  WORKS(mtl_exercises_new(&exercises, E));
  return exercises;
}

static void one_by_one(void) {
  static const char *words[] = {"la", "ni\303\261a"};
  static const size_t lengths[] = {2, 5};
  static const char *known[][2] = {{"track", "es_en"}, {"user", "XEinXf5+"},  {"countries", "CO|US"},
                                   {"client", "web"},  {"session", "lesson"}, {"format", "reverse_tap"},
                                   {"days", "2.689"},  {"time", "9"}};
  mtl_exercises *exercises = made();
  FAILS(MTL_ERROR_ARGUMENT, mtl_exercises_set(exercises, "user", 4, "D2inSf5+", 8, E)); /* of which exercise? */
  WORKS(mtl_exercises_add(exercises, words, lengths, 2, E));
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    WORKS(mtl_exercises_set(exercises, known[i][0], strlen(known[i][0]), known[i][1], strlen(known[i][1]), E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_exercises_set(exercises, "colour", 6, "red", 3, E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_exercises_set(exercises, "days", 4, "many", 4, E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_exercises_set(exercises, "days", 4, "nan", 3, E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_exercises_set(exercises, "time", 4, "inf", 3, E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_exercises_set(exercises, "user", 4, "\xff", 1, E));
  WORKS(mtl_exercises_add(exercises, NULL, NULL, 0, E));
  CHECK(mtl_exercises_count(exercises) == 2);
  WORKS(mtl_exercises_clear(exercises, E));
  CHECK(mtl_exercises_count(exercises) == 0);
  mtl_exercises_free(exercises);
}

static void a_word_that_is_not_utf8_is_refused(void) {
  static const char *words[] = {"la", "ni\xf1o"};
  static const size_t lengths[] = {2, 4};
  mtl_exercises *exercises = made();
  mtl_error *error = NULL;
  CHECK(mtl_exercises_add(exercises, words, lengths, 2, &error) == MTL_ERROR_INPUT);
  CHECK(strstr(mtl_error_message(error, NULL), "word 1") != NULL);
  mtl_error_free(error);
  CHECK(mtl_exercises_count(exercises) == 0);
  mtl_exercises_free(exercises);
}

static mtl_exercise_columns columns(void) {
  static const uint64_t words[] = {0, 2, 7, 9}, bounds[] = {0, 2, 3}, users[] = {0, 1, 2};
  static const double days[] = {0.5, 30}, times[] = {12, NAN};
  mtl_exercise_columns given = {.struct_size = sizeof given, .count = 2, .days = days, .time = times, .word_count = 3,
                                .exercise_words = bounds};
  given.words = (mtl_strings){"lani\303\261ase", 9, words};
  given.user = (mtl_strings){"ab", 2, users};
  return given;
}

static void as_columns(void) {
  mtl_exercises *exercises = made();
  mtl_exercise_columns given = columns();
  WORKS(mtl_exercises_add_columns(exercises, &given, E));
  CHECK(mtl_exercises_count(exercises) == 2);
  given = (mtl_exercise_columns){.struct_size = sizeof given};
  WORKS(mtl_exercises_add_columns(exercises, &given, E));
  CHECK(mtl_exercises_count(exercises) == 2);
  mtl_exercises_free(exercises);
}

static void columns_that_contradict_themselves_are_refused(void) {
  static const uint64_t falling[] = {0, 7, 2, 9}, beyond[] = {0, 2, 4};
  mtl_exercises *exercises = made();
#define BAD(change)                                                                   \
  do {                                                                                \
    mtl_exercise_columns given = columns();                                           \
    change;                                                                           \
    FAILS(MTL_ERROR_ARGUMENT, mtl_exercises_add_columns(exercises, &given, E));       \
  } while (0)
  BAD(given.struct_size = 16);
  BAD(given.words.offsets = falling);
  BAD(given.words.offsets = NULL);
  BAD(given.words.data = NULL);
  BAD(given.words.data_length = 4);
  BAD(given.user.data_length = 1);
  BAD(given.exercise_words = beyond);
  BAD(given.exercise_words = NULL);
  BAD(given.days = (const double *)((const char *)given.days + 1));
  CHECK(mtl_exercises_count(exercises) == 0);
  mtl_exercises_free(exercises);
}

void test_exercises(void) {
  RUN(one_by_one);
  RUN(a_word_that_is_not_utf8_is_refused);
  RUN(as_columns);
  RUN(columns_that_contradict_themselves_are_refused);
}
