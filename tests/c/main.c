/* The C tests: main BUNDLE [ARCHIVE|- [SECONDS [NOUN...]]]. */
#include "check.h"

#include <math.h>
#include <time.h>

const char *bundle_path, *archive_path;
double seconds = 1;

static int passed, failed, faults;

void check(int holds, const char *text, const char *file, int line) {
  if (!holds) {
    faults++;
    printf("%s:%d: does not hold: %s\n", file, line, text);
  }
}

void run(void (*test)(void), const char *name) {
  faults = 0;
  test();
  if (faults) printf("FAILED: %s\n", name);
  fflush(stdout); /* before a fork, or a fault, loses or doubles it */
  faults ? failed++ : passed++;
}

int same(const char *text, size_t length, const char *expected) {
  return text != NULL && length == strlen(expected) && memcmp(text, expected, length) == 0;
}

/* Eighths between -4 and 4, which half precision has exactly. */
float eighth(void) {
  static uint32_t state = 12345;
  state = state * 1664525u + 1013904223u;
  return (float)((int)(state >> 26) - 32) / 8;
}

uint16_t half_of(float value) {
  int exponent = 0;
  float mantissa = frexpf(fabsf(value), &exponent); /* 0.5 to 1 */
  if (value == 0) return 0;
  return (uint16_t)((value < 0 ? 0x8000 : 0) | ((exponent + 14) << 10) | (int)((mantissa * 2 - 1) * 1024));
}

double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

const mtl_model *open_model(void) {
  mtl_bundle *bundle = NULL;
  const mtl_model *model = NULL;
  WORKS(mtl_bundle_open(bundle_path, strlen(bundle_path), NULL, &bundle, E));
  WORKS(mtl_model_open(bundle, NULL, NULL, &model, E));
  mtl_bundle_free(bundle);
  return model;
}

const mtl_model *open_scorer(void) {
  char path[4096];
  mtl_bundle *bundle = NULL;
  const mtl_model *model = NULL;
  snprintf(path, sizeof path, "%s/../sla-demo", bundle_path);
  WORKS(mtl_bundle_open(path, strlen(path), NULL, &bundle, E));
  WORKS(mtl_model_open(bundle, NULL, NULL, &model, E));
  mtl_bundle_free(bundle);
  return model;
}

mtl_batch *batch_of(const char *const *texts, size_t count) {
  mtl_batch *batch = NULL;
  WORKS(mtl_batch_new(&batch, E));
  for (size_t i = 0; i < count; i++) WORKS(mtl_batch_add_text(batch, texts[i], strlen(texts[i]), E));
  return batch;
}

mtl_options *options_of(const char *options) {
  mtl_options *made = NULL;
  WORKS(mtl_options_new(&made, E));
  while (*options != '\0') {
    size_t key = strcspn(options, "="), value = strcspn(options + key + 1, " ");
    WORKS(mtl_options_set(made, options, key, options + key + 1, value, E));
    options += key + 1 + value;
    options += *options == ' ';
  }
  return made;
}

mtl_result *tagged(const mtl_model *model, const char *text, const char *options) {
  mtl_batch *batch = batch_of(&text, 1);
  mtl_options *made = options_of(options);
  mtl_result *result = NULL;
  WORKS(mtl_tag(model, batch, made, NULL, &result, E));
  mtl_batch_free(batch);
  mtl_options_free(made);
  return result;
}

static const struct {
  const char *noun;
  void (*tests)(void);
} nouns[] = {
    {"version", test_version}, {"status", test_status}, {"error", test_error},   {"options", test_options},
    {"cancel", test_cancel},   {"env", test_env},       {"bundle", test_bundle}, {"model", test_model},
    {"batch", test_batch},     {"tag", test_tag},       {"result", test_result}, {"slot", test_slot},
    {"kernels", test_kernels}, {"log", test_log},       {"null", test_null},     {"fork", test_fork},
    {"align", test_align},     {"bilstm_crf", test_bilstm_crf},
    {"exercises", test_exercises}, {"score", test_score}, {"learner", test_learner},
    {"experimental", test_experimental},
    {"memory", test_memory},   {"latency", test_latency},
};

int main(int argc, char **argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: %s BUNDLE [ARCHIVE|- [SECONDS [NOUN...]]]\n", argv[0]);
    return 2;
  }
  bundle_path = argv[1];
  archive_path = argc > 2 && strcmp(argv[2], "-") != 0 ? argv[2] : NULL;
  if (argc > 3) seconds = atof(argv[3]);
  for (size_t i = 0; i < sizeof nouns / sizeof *nouns; i++) {
    int chosen = argc <= 4;
    for (int a = 4; a < argc; a++) chosen |= strcmp(argv[a], nouns[i].noun) == 0;
    if (chosen) nouns[i].tests();
  }
  printf("tests/c: %d passed, %d failed\n", passed, failed);
  return failed != 0;
}
