/* Cancel tokens and deadlines. */
#include "check.h"

#include <pthread.h>
#include <time.h>

/* A batch that takes much longer than the tests wait. */
static mtl_batch *long_batch(void) {
  mtl_batch *batch = batch_of(NULL, 0);
  const char *text = "Maria Jensen moved from Copenhagen to Toronto, where she works for a bakery in the old harbour.";
  for (int i = 0; i < 3000; i++) CHECK(mtl_batch_add_text(batch, text, strlen(text), NULL) == MTL_OK);
  return batch;
}

static void a_fired_token_stops_calls_at_once(void) {
  const mtl_model *model = open_model();
  mtl_batch *batch = long_batch();
  mtl_cancel *cancel = NULL;
  mtl_result *result = NULL;
  WORKS(mtl_cancel_new(-1, &cancel, E));
  WORKS(mtl_cancel_fire(cancel, E));
  WORKS(mtl_cancel_fire(cancel, E));
  FAILS(MTL_ERROR_CANCELLED, mtl_tag(model, batch, NULL, cancel, &result, E));
  CHECK(result == NULL);
  mtl_cancel_free(cancel);
  mtl_batch_free(batch);
  mtl_model_release(model);
}

struct firing {
  const mtl_cancel *cancel;
  double at;
};

static void *fire_soon(void *user) {
  struct firing *firing = user;
  struct timespec wait = {0, 50000000};
  nanosleep(&wait, NULL);
  firing->at = now();
  mtl_cancel_fire(firing->cancel, NULL);
  return NULL;
}

static void another_thread_stops_a_running_call(void) {
  const mtl_model *model = open_model();
  mtl_batch *batch = long_batch();
  mtl_cancel *cancel = NULL;
  mtl_result *result = NULL;
  pthread_t thread;
  WORKS(mtl_cancel_new(-1, &cancel, E));
  struct firing firing = {cancel, 0};
  CHECK(pthread_create(&thread, NULL, fire_soon, &firing) == 0);
  mtl_status status = mtl_tag(model, batch, NULL, cancel, &result, NULL);
  double ended = now();
  pthread_join(thread, NULL);
  CHECK(status == MTL_ERROR_CANCELLED && result == NULL);
  /* About 10 ms is what the library promises; an unoptimised one, on a busy machine, gets a second. */
  CHECK(ended - firing.at < 1);
  printf("  cancelled after %.1f ms\n", (ended - firing.at) * 1e3);
  mtl_cancel_free(cancel);
  mtl_batch_free(batch);
  mtl_model_release(model);
}

static void a_deadline_stops_calls(void) {
  const mtl_model *model = open_model();
  mtl_batch *batch = long_batch(), *empty = batch_of(NULL, 0);
  mtl_cancel *passed = NULL, *soon = NULL, *never = NULL;
  mtl_result *result = NULL;
  WORKS(mtl_cancel_new(0, &passed, E));
  FAILS(MTL_ERROR_DEADLINE, mtl_tag(model, batch, NULL, passed, &result, E));
  WORKS(mtl_cancel_new(50, &soon, E));
  FAILS(MTL_ERROR_DEADLINE, mtl_tag(model, batch, NULL, soon, &result, E));
  WORKS(mtl_cancel_new(INT64_MAX, &never, E));
  WORKS(mtl_tag(model, empty, NULL, never, &result, E));
  mtl_result_free(result);
  mtl_cancel_free(passed);
  mtl_cancel_free(soon);
  mtl_cancel_free(never);
  mtl_batch_free(batch);
  mtl_batch_free(empty);
  mtl_model_release(model);
}

void test_cancel(void) {
  RUN(a_fired_token_stops_calls_at_once);
  RUN(another_thread_stops_a_running_call);
  RUN(a_deadline_stops_calls);
}
