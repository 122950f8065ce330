/* Memory: what is done again and again does not take more and more. Not measured under sanitizers, which keep what was
   freed. */
#include "check.h"

#include <unistd.h>

enum { WARM_UP = 10, REPEATS = 100 };

long resident(void) {
  long size = 0, pages = 0;
  mtl_env *env = NULL;
  WORKS(mtl_env_new(0, &env, E));
  WORKS(mtl_env_trim(env, E));
  mtl_env_free(env);
  FILE *file = fopen("/proc/self/statm", "r");
  if (file == NULL) return 0;
  if (fscanf(file, "%ld %ld", &size, &pages) != 2) pages = 0;
  fclose(file);
  return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* By how many KiB the process has grown after `step` was repeated, once it had warmed up. */
static long growth(void (*step)(void)) {
  for (int i = 0; i < WARM_UP; i++) step();
  long before = resident();
  for (int i = 0; i < REPEATS; i++) step();
  return resident() - before;
}

static mtl_bundle *bundle;
static const mtl_model *model;
static char *bytes;
static long length;

static void tag_with(const mtl_model *opened) {
  mtl_result_free(tagged(opened, "Maria Jensen moved to Toronto. She works for a bakery.", "scores=true nbest=2"));
}

static void open_tag_release(void) {
  const mtl_model *opened = open_model();
  tag_with(opened);
  mtl_model_release(opened);
}

static void open_memory(void) {
  mtl_bundle *read = NULL;
  const mtl_model *opened = NULL;
  WORKS(mtl_bundle_open_memory(bytes, (size_t)length, NULL, &read, E));
  WORKS(mtl_model_open(read, NULL, NULL, &opened, E));
  mtl_bundle_free(read);
  mtl_model_release(opened);
}

static void open_with_threads(void) {
  mtl_env *env = NULL;
  const mtl_model *opened = NULL;
  WORKS(mtl_env_new(2, &env, E));
  WORKS(mtl_model_open(bundle, NULL, env, &opened, E));
  mtl_env_free(env);
  tag_with(opened);
  mtl_model_release(opened);
}

static void batch_and_result(void) {
  static char text[10000];
  static mtl_batch *kept; /* one batch, filled and cleared */
  const char *texts[] = {"Ada sails.", "\xff", ""};
  mtl_result *result = NULL;
  mtl_batch *batch = batch_of(texts, 3);
  memset(text, 'a', sizeof text);
  for (size_t i = 9; i < sizeof text; i += 10) text[i] = ' ';
  if (kept == NULL) kept = batch_of(NULL, 0);
  WORKS(mtl_batch_add_text(batch, text, sizeof text, E));
  WORKS(mtl_batch_add_text(kept, text, sizeof text, E));
  WORKS(mtl_tag(model, batch, NULL, NULL, &result, E));
  WORKS(mtl_batch_clear(kept, E));
  mtl_result_free(result);
  mtl_batch_free(batch);
}

static void fail(void) {
  mtl_bundle *opened = NULL;
  FAILS(MTL_ERROR_IO, mtl_bundle_open("no/such/place", 13, NULL, &opened, E));
  FAILS(MTL_ERROR_BUNDLE, mtl_bundle_open_memory(bytes, (size_t)length / 2, NULL, &opened, E));
}

static struct block {
  struct block *next;
  char bytes[8192];
} *blocks;

static void keep_a_little(void) {
  struct block *block = malloc(sizeof *block);
  memset(block, 1, sizeof *block);
  block->next = blocks;
  blocks = block;
}

static void growth_is_seen(void) {
  CHECK(growth(keep_a_little) >= GROWTH_KIB);
  while (blocks != NULL) {
    struct block *next = blocks->next;
    free(blocks);
    blocks = next;
  }
}

static void nothing_grows(void) {
  static const struct {
    const char *name;
    void (*step)(void);
  } steps[] = {{"open, tag, release", open_tag_release},
               {"open from memory", open_memory},
               {"open with threads", open_with_threads},
               {"batch and result", batch_and_result},
               {"errors", fail}};
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
    long grown = growth(steps[i].step);
    printf("  %s, %d times: %+ld KiB of %ld\n", steps[i].name, REPEATS, grown, resident());
    CHECK(grown < GROWTH_KIB);
  }
}

void test_memory(void) {
  if (!MEASURES || archive_path == NULL) {
    printf("  memory is not measured: under a sanitizer, in no time, or without an archive\n");
    return;
  }
  FILE *file = fopen(archive_path, "rb");
  CHECK(file != NULL && fseek(file, 0, SEEK_END) == 0);
  length = ftell(file);
  rewind(file);
  bytes = malloc((size_t)length);
  CHECK(fread(bytes, 1, (size_t)length, file) == (size_t)length);
  fclose(file);
  WORKS(mtl_bundle_open(bundle_path, strlen(bundle_path), NULL, &bundle, E));
  model = open_model();
  RUN(growth_is_seen);
  RUN(nothing_grows);
  mtl_model_release(model);
  mtl_bundle_free(bundle);
  free(bytes);
}
