/* Slots: a model is swapped while threads use it. */
#include "check.h"

#include <pthread.h>

#define SWAP_KIB 64

struct load {
  const mtl_slot *slot;
  double until;
  int tagged, wrong;
};

static void *work(void *user) {
  struct load *load = user;
  const char *text = "Ada sails.";
  mtl_batch *batch = batch_of(&text, 1);
  do {
    const mtl_model *model = NULL;
    mtl_result *result = NULL;
    mtl_tokens tokens = {.struct_size = sizeof tokens};
    int good = mtl_slot_get(load->slot, &model, NULL) == MTL_OK &&
               mtl_tag(model, batch, NULL, NULL, &result, NULL) == MTL_OK &&
               mtl_result_tokens(result, &tokens, NULL) == MTL_OK && tokens.count == 3;
    load->tagged++;
    load->wrong += !good;
    mtl_result_free(result);
    mtl_model_release(model);
  } while (now() < load->until);
  mtl_batch_free(batch);
  return NULL;
}

/* Swaps the slot's model again and again while eight threads use it; how often. */
static int swap_under_load(const mtl_slot *slot, double duration) {
  pthread_t threads[8];
  struct load loads[8];
  int swaps = 0, tagged_texts = 0;
  double until = now() + duration;
  for (int i = 0; i < 8; i++) {
    loads[i] = (struct load){slot, until, 0, 0};
    CHECK(pthread_create(&threads[i], NULL, work, &loads[i]) == 0);
  }
  do {
    const mtl_model *model = open_model();
    WORKS(mtl_slot_set(slot, model, E));
    mtl_model_release(model);
    swaps++;
  } while (now() < until);
  for (int i = 0; i < 8; i++) {
    pthread_join(threads[i], NULL);
    CHECK(loads[i].tagged > 0 && loads[i].wrong == 0);
    tagged_texts += loads[i].tagged;
  }
  printf("  %d swaps, %d texts\n", swaps, tagged_texts);
  return swaps;
}

static void models_are_swapped_under_eight_threads(void) {
  const mtl_model *model = open_model();
  mtl_slot *slot = NULL;
  WORKS(mtl_slot_new(model, &slot, E));
  mtl_model_release(model); /* the slot has its own reference */
  swap_under_load(slot, seconds / 4);
  long before = resident();
  int swaps = swap_under_load(slot, seconds * 3 / 4);
  long grown = resident() - before;
  printf("  %+ld KiB of %ld\n", grown, before);
  /* Eight threads fragment the allocator's arenas, the more the longer; a model that stayed would take SWAP_KIB many times. */
  CHECK(!MEASURES || grown < 2 * GROWTH_KIB + swaps * SWAP_KIB);
  mtl_slot_free(slot);
}

static void the_model_outlives_its_slot(void) {
  const mtl_model *model = open_model(), *held = NULL;
  mtl_slot *slot = NULL;
  WORKS(mtl_slot_new(model, &slot, E));
  WORKS(mtl_slot_get(slot, &held, E));
  CHECK(held == model);
  mtl_slot_free(slot);
  mtl_model_release(model);
  CHECK(mtl_model_task_count(held) > 0);
  mtl_model_release(held);
}

void test_slot(void) {
  RUN(models_are_swapped_under_eight_threads);
  RUN(the_model_outlives_its_slot);
}
