/* Options by name. */
#include "check.h"

static void each_option_takes_its_values(void) {
  mtl_options *options = options_of(
      "trusted=true engine=native threads=3 library=libonnxruntime.so vectors=a.safetensors providers=cuda?,cpu accept_telemetry=true kernel=generic graph=fused word_cache=0 "
      "gpu_device=1 gpu_memory=512 tensorrt_cache=engines tensorrt_fp16=true kernel_cache=kernels "
      "tasks=ner,upos language=en unit=utf16 invalid_utf8=replace scores=true nbest=5 zero_shot=true");
  mtl_options_free(options);
}

static void an_unknown_key_or_value_is_named(void) {
  static const struct {
    const char *key, *value, *said;
  } table[] = {
      {"colour", "red", "colour"}, {"unit", "inches", "inches"},  {"scores", "yes", "yes"},
      {"nbest", "101", "101"},     {"nbest", "-1", "-1"},         {"threads", "1025", "1025"},
      {"engine", "steam", "steam"}, {"graph", "bar", "bar"}, {"providers", "abacus", "abacus"}, {"gpu_device", "65536", "65536"},
      {"gpu_memory", "1G", "1G"},   {"word_cache", "4294967296", "4294967296"},   {"tensorrt_fp16", "yes", "yes"}, {"", "", "unknown option"},
  };
  mtl_options *options = options_of("");
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    mtl_error *error = NULL;
    CHECK(mtl_options_set(options, table[i].key, strlen(table[i].key), table[i].value, strlen(table[i].value), &error) ==
          MTL_ERROR_ARGUMENT);
    CHECK(strstr(mtl_error_message(error, NULL), table[i].said) != NULL);
    mtl_error_free(error);
  }
  FAILS(MTL_ERROR_ARGUMENT, mtl_options_set(options, "\xff", 1, "", 0, E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_options_set(options, "library", 7, "\xff", 1, E));
  mtl_options_free(options);
}

static void options_of_the_wrong_call_are_refused(void) {
  mtl_options *trusted = options_of("trusted=true"), *threads = options_of("threads=1"), *unit = options_of("unit=bytes");
  mtl_bundle *bundle = NULL, *other = NULL;
  const mtl_model *model = NULL, *another = NULL;
  mtl_batch *batch = batch_of(NULL, 0);
  mtl_result *result = NULL;
  WORKS(mtl_bundle_open(bundle_path, strlen(bundle_path), trusted, &bundle, E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_bundle_open(bundle_path, strlen(bundle_path), threads, &other, E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_bundle_open(bundle_path, strlen(bundle_path), unit, &other, E));
  WORKS(mtl_model_open(bundle, threads, NULL, &model, E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_model_open(bundle, trusted, NULL, &another, E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_model_open(bundle, unit, NULL, &another, E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_tag(model, batch, trusted, NULL, &result, E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_tag(model, batch, threads, NULL, &result, E));
  CHECK(other == NULL && another == NULL && result == NULL);
  mtl_batch_free(batch);
  mtl_model_release(model);
  mtl_bundle_free(bundle);
  mtl_options_free(trusted);
  mtl_options_free(threads);
  mtl_options_free(unit);
}

void test_options(void) {
  RUN(each_option_takes_its_values);
  RUN(an_unknown_key_or_value_is_named);
  RUN(options_of_the_wrong_call_are_refused);
}
