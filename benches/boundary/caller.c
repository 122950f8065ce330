/* Calls the library through mtl.h. README.md says what every caller does. */
#define _POSIX_C_SOURCE 200809L
#include <mtl.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_TEXTS = 4096, MOST_TASKS = 8, MOST_LABELS = 64 };

static char *texts[MOST_TEXTS];
static size_t lengths[MOST_TEXTS], text_count;
static uint32_t task_count;
static uint64_t label_lengths[MOST_TASKS][MOST_LABELS], span_label_lengths[MOST_TASKS][MOST_LABELS];

static void die(const char *message) {
  fprintf(stderr, "%s\n", message);
  exit(1);
}

static void check(mtl_status status, mtl_error *error) {
  if (status != MTL_OK) die(mtl_error_message(error, NULL));
}

static uint64_t cpu_time(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t read_task(const mtl_result *result, uint32_t task) {
  mtl_error *error = NULL;
  mtl_tags tags = {.struct_size = sizeof tags};
  mtl_spans spans = {.struct_size = sizeof spans};
  uint64_t sum = 0;
  check(mtl_result_tags(result, task, &tags, &error), error);
  check(mtl_result_spans(result, task, &spans, &error), error);
  for (uint32_t i = 0; i < tags.count; i++) {
    if (tags.label[i] != MTL_NONE) sum += label_lengths[task][tags.label[i]];
  }
  for (uint32_t i = 0; i < spans.count; i++) {
    sum += spans.start[i] + spans.end[i] + span_label_lengths[task][spans.label[i]];
  }
  return sum;
}

static uint64_t tag(const mtl_model *model, size_t first, size_t count) {
  mtl_error *error = NULL;
  mtl_batch *batch = NULL;
  mtl_result *result = NULL;
  mtl_documents documents = {.struct_size = sizeof documents};
  mtl_tokens tokens = {.struct_size = sizeof tokens};
  uint64_t sum = 0;
  check(mtl_batch_new(&batch, &error), error);
  for (size_t i = first; i < first + count; i++) {
    check(mtl_batch_add_text(batch, texts[i], lengths[i], &error), error);
  }
  check(mtl_tag(model, batch, NULL, NULL, &result, &error), error);
  check(mtl_result_documents(result, &documents, &error), error);
  for (uint32_t i = 0; i < documents.count; i++) {
    if (documents.status[i] != MTL_OK) die(mtl_error_message(mtl_result_error(result, i), NULL));
  }
  check(mtl_result_tokens(result, &tokens, &error), error);
  for (uint32_t i = 0; i < tokens.count; i++) sum += (uint64_t)tokens.start[i] + tokens.end[i];
  for (uint32_t task = 0; task < task_count; task++) sum += read_task(result, task);
  mtl_result_free(result);
  mtl_batch_free(batch);
  return sum;
}

static void read_texts(const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) die("the texts cannot be opened");
  size_t capacity = 0;
  while (text_count < MOST_TEXTS && getline(&texts[text_count], &capacity, file) > 0) {
    lengths[text_count] = strcspn(texts[text_count], "\n");
    text_count++;
    capacity = 0;
  }
  fclose(file);
}

static void read_labels(const mtl_model *model) {
  task_count = mtl_model_task_count(model);
  if (task_count > MOST_TASKS) die("more tasks than this program has room for");
  for (uint32_t task = 0; task < task_count; task++) {
    uint32_t labels = mtl_model_label_count(model, task), spans = mtl_model_span_label_count(model, task);
    size_t length = 0;
    if (labels > MOST_LABELS) die("more labels than this program has room for");
    for (uint32_t i = 0; i < labels; i++) {
      mtl_model_label(model, task, i, &length);
      label_lengths[task][i] = length;
    }
    for (uint32_t i = 0; i < spans; i++) {
      mtl_model_span_label(model, task, i, &length);
      span_label_lengths[task][i] = length;
    }
  }
}

int main(int argc, char **argv) {
  if (argc != 3) die("usage: caller BUNDLE TEXTS");
  mtl_error *error = NULL;
  mtl_bundle *bundle = NULL;
  const mtl_model *model = NULL;
  check(mtl_bundle_open(argv[1], strlen(argv[1]), NULL, &bundle, &error), error);
  check(mtl_model_open(bundle, NULL, NULL, &model, &error), error);
  mtl_bundle_free(bundle);
  read_texts(argv[2]);
  read_labels(model);
  size_t count, calls;
  while (scanf("%zu %zu", &count, &calls) == 2) {
    uint64_t begun = cpu_time(), sum = 0;
    for (size_t call = 0; call < calls; call++) sum += tag(model, call * count % text_count, count);
    printf("%" PRIu64 " %" PRIu64 "\n", cpu_time() - begun, sum);
    fflush(stdout);
  }
  mtl_model_release(model);
  return 0;
}
