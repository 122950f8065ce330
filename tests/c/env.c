/* Environments: threads that models share. */
#include "check.h"

/* The labels of `text` with a model on `threads` threads of an environment, freed before the model is used. */
static void labels(uint32_t threads, const char *text, uint32_t *out, uint32_t count) {
  mtl_env *env = NULL;
  mtl_bundle *bundle = NULL;
  const mtl_model *model = NULL, *second = NULL;
  mtl_tags tags = {.struct_size = sizeof tags};
  WORKS(mtl_env_new(threads, &env, E));
  WORKS(mtl_bundle_open(bundle_path, strlen(bundle_path), NULL, &bundle, E));
  WORKS(mtl_model_open(bundle, NULL, env, &model, E));
  WORKS(mtl_model_open(bundle, NULL, env, &second, E));
  WORKS(mtl_env_trim(env, E));
  mtl_env_free(env);
  mtl_bundle_free(bundle);
  mtl_model_release(second);
  mtl_result *result = tagged(model, text, "language=en");
  WORKS(mtl_result_tags(result, 0, &tags, E));
  CHECK(tags.count == count);
  if (tags.count == count) memcpy(out, tags.label, count * sizeof *out);
  mtl_result_free(result);
  mtl_model_release(model);
}

static void threads_do_not_change_results(void) {
  uint32_t none[6] = {0}, two[6] = {1};
  labels(0, "Maria Jensen moved to Toronto.", none, 6);
  labels(2, "Maria Jensen moved to Toronto.", two, 6);
  CHECK(memcmp(none, two, sizeof none) == 0);
}

static void too_many_threads_are_refused(void) {
  mtl_env *env = NULL;
  FAILS(MTL_ERROR_ARGUMENT, mtl_env_new(1025, &env, E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_env_new(UINT32_MAX, &env, E));
  CHECK(env == NULL);
}

void test_env(void) {
  RUN(threads_do_not_change_results);
  RUN(too_many_threads_are_refused);
}
