/* Models: opened, shared, asked. */
#include "check.h"

#include <pthread.h>

static void labels_and_languages_are_numbered(void) {
  const mtl_model *model = open_model();
  size_t length = 0;
  uint32_t task = MTL_NONE;
  CHECK(mtl_model_language_count(model) > 0 && mtl_model_task_count(model) > 0);
  for (uint32_t t = 0; t < mtl_model_task_count(model); t++) {
    const char *name = mtl_model_task_name(model, t, &length);
    WORKS(mtl_model_task_find(model, name, length, &task, E));
    CHECK(task == t && mtl_model_label_count(model, t) > 0);
    for (uint32_t l = 0; l < mtl_model_label_count(model, t); l++) CHECK(mtl_model_label(model, t, l, &length) && length);
    for (uint32_t l = 0; l < mtl_model_span_label_count(model, t); l++)
      CHECK(mtl_model_span_label(model, t, l, &length) && length);
    CHECK(mtl_model_label(model, t, mtl_model_label_count(model, t), NULL) == NULL);
    CHECK(mtl_model_span_label(model, t, mtl_model_span_label_count(model, t), NULL) == NULL);
    uint32_t known = 0;
    for (uint32_t l = 0; l < mtl_model_language_count(model); l++) known += (uint32_t)mtl_model_task_knows(model, t, l);
    CHECK(known > 0);
    CHECK(mtl_model_task_knows(model, t, mtl_model_language_count(model)) == 0);
  }
  CHECK(mtl_model_task_name(model, mtl_model_task_count(model), NULL) == NULL);
  CHECK(mtl_model_language(model, mtl_model_language_count(model), NULL) == NULL);
  CHECK(mtl_model_label_count(model, MTL_NONE) == 0 && mtl_model_span_label_count(model, MTL_NONE) == 0);
  CHECK(mtl_model_task_knows(model, MTL_NONE, 0) == 0);
  WORKS(mtl_model_task_find(model, "ner", 3, &task, E));
  CHECK(mtl_model_span_label_count(model, task) > 0);
  WORKS(mtl_model_task_find(model, "upos", 4, &task, E));
  CHECK(mtl_model_span_label_count(model, task) == 0);
  FAILS(MTL_ERROR_ARGUMENT, mtl_model_task_find(model, "colour", 6, &task, E));
  mtl_model_release(model);
}

static void manifest_and_report_are_json(void) {
  const mtl_model *model = open_model();
  size_t length = 0;
  const char *manifest = mtl_model_manifest(model, &length);
  CHECK(manifest[0] == '{' && manifest[length - 1] == '}');
  const char *report = mtl_model_report(model, &length);
  CHECK(report[0] == '{' && report[length - 1] == '}');
  char copy[4096] = "";
  if (length < sizeof copy) memcpy(copy, report, length);
  CHECK(strstr(copy, "\"engine\":\"native\"") != NULL);
  mtl_model_release(model);
}

static void an_engine_that_is_not_there_is_an_error(void) {
  mtl_bundle *bundle = NULL;
  const mtl_model *model = NULL;
  mtl_options *options = options_of("engine=onnx library=no/such/library.so");
  WORKS(mtl_bundle_open(bundle_path, strlen(bundle_path), NULL, &bundle, E));
  FAILS(MTL_ERROR_ENGINE, mtl_model_open(bundle, options, NULL, &model, E));
  mtl_options_free(options);
  options = options_of("engine=native providers=cuda");
  FAILS(MTL_ERROR_PROVIDER, mtl_model_open(bundle, options, NULL, &model, E));
  mtl_options_free(options);
  options = options_of("engine=native providers=cuda?,cpu gpu_device=0");
  FAILS(MTL_ERROR_ARGUMENT, mtl_model_open(bundle, options, NULL, &model, E));
  mtl_options_free(options);
  options = options_of("engine=native graph=fused");
  FAILS(MTL_ERROR_ARGUMENT, mtl_model_open(bundle, options, NULL, &model, E));
  CHECK(model == NULL);
  mtl_options_free(options);
  mtl_bundle_free(bundle);
}

static void *retain_and_release(void *model) {
  for (int i = 0; i < 2000; i++) {
    const mtl_model *mine = mtl_model_retain(model);
    if (mtl_model_task_count(mine) == 0) return model;
    mtl_model_release(mine);
  }
  return NULL;
}

static void threads_retain_and_release(void) {
  const mtl_model *model = open_model();
  pthread_t threads[8];
  void *wrong = NULL;
  for (int i = 0; i < 8; i++) CHECK(pthread_create(&threads[i], NULL, retain_and_release, (void *)model) == 0);
  for (int i = 0; i < 8; i++) {
    pthread_join(threads[i], &wrong);
    CHECK(wrong == NULL);
  }
  CHECK(mtl_model_retain(model) == model);
  mtl_model_release(model);
  CHECK(mtl_model_task_count(model) > 0); /* the first reference lives */
  mtl_model_release(model);
}

void test_model(void) {
  RUN(labels_and_languages_are_numbered);
  RUN(manifest_and_report_are_json);
  RUN(an_engine_that_is_not_there_is_an_error);
  RUN(threads_retain_and_release);
}
