/* Exercises in, scores and learners out. */
#include "bridge.h"

#define STRINGS 7 /* track, user, countries, client, session, format, words */

/* A column of strings: its bytes, then its offsets. */
static int borrow_strings(Loans *loans, jobject *columns, mtl_strings *out) {
  JNIEnv *env = loans->env;
  out->data = borrow(loans, 'B', columns[0]);
  out->offsets = out->data == NULL ? NULL : borrow(loans, 'J', columns[1]);
  if (out->offsets == NULL) return 0;
  out->data_length = (size_t)(*env)->GetArrayLength(env, columns[0]);
  return 1;
}

/* A list of exercises, which the caller frees: the columns of strings, days, time, and which words each exercise has. */
static mtl_exercises *exercises_of(JNIEnv *env, jobjectArray given) {
  mtl_exercises *list = NULL;
  mtl_error *error = NULL;
  Loans loans = {.env = env};
  jobject columns[2 * STRINGS + 3] = {NULL};
  const jsize count = (jsize)(sizeof columns / sizeof *columns);
  int good = (*env)->EnsureLocalCapacity(env, count + 8) == 0 && !failed(env, mtl_exercises_new(&list, &error), &error);
  for (jsize i = 0; good && i < count; i++) good = (columns[i] = element(env, given, i)) != NULL;
  mtl_exercise_columns all = {.struct_size = sizeof all};
  mtl_strings *strings[STRINGS] = {&all.track, &all.user, &all.countries, &all.client, &all.session, &all.format, &all.words};
  for (int i = 0; good && i < STRINGS; i++) good = borrow_strings(&loans, columns + 2 * i, strings[i]);
  if (good) {
    all.days = borrow(&loans, 'D', columns[2 * STRINGS]);
    all.time = all.days == NULL ? NULL : borrow(&loans, 'D', columns[2 * STRINGS + 1]);
    all.exercise_words = all.time == NULL ? NULL : borrow(&loans, 'J', columns[2 * STRINGS + 2]);
    good = all.exercise_words != NULL;
  }
  if (good) {
    all.count = (uint32_t)(*env)->GetArrayLength(env, columns[2 * STRINGS]);
    all.word_count = (size_t)(*env)->GetArrayLength(env, columns[2 * STRINGS - 1]) - 1;
    mtl_status status = mtl_exercises_add_columns(list, &all, &error);
    give_back(&loans);
    good = !failed(env, status, &error);
  }
  give_back(&loans);
  for (jsize i = 0; i < count; i++) (*env)->DeleteLocalRef(env, columns[i]);
  if (!good) {
    mtl_exercises_free(list);
    list = NULL;
  }
  return list;
}

/* A learner from its bytes, which the caller frees. */
static mtl_learner *learner_of(JNIEnv *env, jbyteArray stored) {
  mtl_learner *learner = NULL;
  mtl_error *error = NULL;
  Loans loans = {.env = env};
  const void *data = borrow(&loans, 'B', stored);
  if (data != NULL) {
    mtl_status status = mtl_learner_load(data, (size_t)(*env)->GetArrayLength(env, stored), &learner, &error);
    give_back(&loans);
    (void)failed(env, status, &error);
  }
  return learner;
}

static int add_learners(JNIEnv *env, mtl_exercises *list, jobjectArray learners) {
  mtl_error *error = NULL;
  jsize count = (*env)->GetArrayLength(env, learners);
  for (jsize i = 0; i < count; i++) {
    jbyteArray stored = element(env, learners, i);
    mtl_learner *learner = stored == NULL ? NULL : learner_of(env, stored);
    (*env)->DeleteLocalRef(env, stored);
    int good = learner != NULL && !failed(env, mtl_exercises_add_learner(list, learner, &error), &error);
    mtl_learner_free(learner);
    if (!good) return 0;
  }
  return 1;
}

static const mtl_error *exercise_error(const void *scores, uint32_t exercise) {
  return mtl_scores_error(scores, exercise);
}

/* Words of exercises, probabilities, errors. */
static jobjectArray score_columns(JNIEnv *env, const mtl_scores *scores) {
  mtl_probabilities found = {.struct_size = sizeof found};
  mtl_error *error = NULL;
  Row row;
  if (failed(env, mtl_scores_probabilities(scores, &found, &error), &error) || !begin_row(&row, env, object_class, 3) ||
      !put(&row, ints(env, found.words, (size_t)found.count + 1)) ||
      !put(&row, floats(env, found.probability, found.words[found.count])) ||
      !put(&row, errors(env, scores, exercise_error, found.status, found.count))) {
    return NULL;
  }
  return row.array;
}

static jobjectArray score(JNIEnv *env, jclass type, jlong model, jobjectArray exercises, jobjectArray learners,
                          jobjectArray given, jlong cancel) {
  (void)type;
  mtl_options *options = NULL;
  mtl_scores *scores = NULL;
  mtl_error *error = NULL;
  jobjectArray found = NULL;
  mtl_exercises *list = exercises_of(env, exercises);
  if (list != NULL && add_learners(env, list, learners) && options_of(env, given, &options) &&
      !failed(env, mtl_score(POINTER(mtl_model, model), list, options, POINTER(mtl_cancel, cancel), &scores, &error), &error)) {
    found = score_columns(env, scores);
  }
  mtl_scores_free(scores);
  mtl_options_free(options);
  mtl_exercises_free(list);
  return found;
}

/* A learner as Java keeps it: user, words, bytes. */
static jobjectArray learner_facts(JNIEnv *env, const mtl_learner *learner) {
  size_t user_length = 0, length = 0;
  const char *user = mtl_learner_user(learner, &user_length), *stored = mtl_learner_save(learner, &length);
  jlong words = (jlong)mtl_learner_words(learner);
  Row row;
  int good = begin_row(&row, env, object_class, 3) && put(&row, bytes(env, user, user_length)) &&
             put(&row, longs(env, &words, 1)) && put(&row, bytes(env, stored, length));
  return good ? row.array : NULL;
}

static int set_mistakes(JNIEnv *env, mtl_exercises *list, jbyteArray mistakes) {
  mtl_error *error = NULL;
  Loans loans = {.env = env};
  const uint8_t *labels = borrow(&loans, 'B', mistakes);
  if (labels == NULL) return 0;
  mtl_status status = mtl_exercises_set_mistakes(list, labels, (size_t)(*env)->GetArrayLength(env, mistakes), &error);
  give_back(&loans);
  return !failed(env, status, &error);
}

static jobjectArray learn(JNIEnv *env, jclass type, jlong number, jobjectArray exercises, jbyteArray mistakes,
                          jbyteArray stored, jboolean remember, jlong cancel) {
  (void)type;
  const mtl_model *model = POINTER(mtl_model, number);
  mtl_learner *prior = NULL, *learner = NULL;
  mtl_error *error = NULL;
  jobjectArray found = NULL;
  mtl_exercises *list = exercises_of(env, exercises);
  int good = list != NULL && set_mistakes(env, list, mistakes) &&
             (stored == NULL || (prior = learner_of(env, stored)) != NULL);
  if (good) {
    mtl_status status = (remember ? mtl_scorer_remember : mtl_scorer_adapt)(model, list, prior, POINTER(mtl_cancel, cancel),
                                                                            &learner, &error);
    if (!failed(env, status, &error)) found = learner_facts(env, learner);
  }
  mtl_learner_free(learner);
  mtl_learner_free(prior);
  mtl_exercises_free(list);
  return found;
}

static jobjectArray learner_load(JNIEnv *env, jclass type, jbyteArray stored) {
  (void)type;
  mtl_learner *learner = learner_of(env, stored);
  jobjectArray found = learner == NULL ? NULL : learner_facts(env, learner);
  mtl_learner_free(learner);
  return found;
}

const JNINativeMethod score_methods[] = {
    {"score", "(J[Ljava/lang/Object;[[B[[BJ)[Ljava/lang/Object;", (void *)score},
    {"learn", "(J[Ljava/lang/Object;[B[BZJ)[Ljava/lang/Object;", (void *)learn},
    {"learnerLoad", "([B)[Ljava/lang/Object;", (void *)learner_load},
    {NULL, NULL, NULL},
};
