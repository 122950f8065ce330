/* What still moves: a model's emissions and CRF, for a decoder of one's own. */
#include "check.h"

#include <mtl_experimental.h>

static const char *words[] = {"Maria", "Jensen", "moved", "to", "Toronto", "."};
static const size_t lengths[] = {5, 6, 5, 2, 7, 1};
enum { WORDS = 6, ROOM = WORDS * 256 };

static mtl_batch *sentence(void) {
  mtl_batch *batch = batch_of(NULL, 0);
  WORKS(mtl_batch_add_tokens(batch, words, lengths, WORDS, E));
  return batch;
}

static void decoding_them_gives_the_models_tags(void) {
  const mtl_model *model = open_model();
  mtl_batch *batch = sentence();
  mtl_options *options = options_of("language=en");
  mtl_result *result = NULL;
  WORKS(mtl_tag(model, batch, options, NULL, &result, E));
  for (uint32_t task = 0; task < mtl_model_task_count(model); task++) {
    float emissions[ROOM];
    uint32_t found[WORDS];
    const uint32_t length = WORDS;
    mtl_crf crf = {.struct_size = sizeof crf};
    mtl_tags tags = {.struct_size = sizeof tags};
    WORKS(mtl_x_model_crf(model, task, &crf, E));
    CHECK(crf.labels == mtl_model_label_count(model, task) && crf.labels * WORDS <= ROOM);
    WORKS(mtl_x_model_emissions(model, task, "en", 2, batch, NULL, emissions, ROOM, E));
    mtl_sequences rows = {sizeof rows, MTL_F32, emissions, WORDS * (size_t)crf.labels, 0, crf.labels, 1, &length};
    WORKS(mtl_crf_viterbi(&crf, &rows, found, WORDS, NULL, E));
    WORKS(mtl_result_tags(result, task, &tags, E));
    CHECK(tags.count == WORDS && memcmp(found, tags.label, sizeof found) == 0);
  }
  mtl_result_free(result);
  mtl_options_free(options);
  mtl_batch_free(batch);
  mtl_model_release(model);
}

static void bad_arguments_are_refused(void) {
  const mtl_model *model = open_model();
  const char *text = "Ada sails.";
  mtl_batch *batch = sentence(), *running = batch_of(&text, 1), *broken = batch_of(NULL, 0);
  mtl_cancel *cancel = NULL;
  mtl_crf crf = {.struct_size = sizeof crf}, small = {.struct_size = 8};
  float emissions[ROOM];
  WORKS(mtl_batch_add_tokens(broken, (const char *[]){"\xff"}, (size_t[]){1}, 1, E));
  WORKS(mtl_cancel_new(-1, &cancel, E));
  WORKS(mtl_cancel_fire(cancel, E));
#define EMISSIONS(status, model, task, language, batch, cancel, room) \
  FAILS(status, mtl_x_model_emissions(model, task, language, 2, batch, cancel, emissions, room, E))
  EMISSIONS(MTL_ERROR_ARGUMENT, NULL, 0, "en", batch, NULL, ROOM);
  EMISSIONS(MTL_ERROR_ARGUMENT, model, 99, "en", batch, NULL, ROOM);
  EMISSIONS(MTL_ERROR_ARGUMENT, model, 0, NULL, batch, NULL, ROOM);
  EMISSIONS(MTL_ERROR_ARGUMENT, model, 0, "zz", batch, NULL, ROOM);
  EMISSIONS(MTL_ERROR_ARGUMENT, model, 0, "en", NULL, NULL, ROOM);
  EMISSIONS(MTL_ERROR_ARGUMENT, model, 0, "en", running, NULL, ROOM);
  EMISSIONS(MTL_ERROR_INPUT, model, 0, "en", broken, NULL, ROOM);
  EMISSIONS(MTL_ERROR_ARGUMENT, model, 0, "en", batch, NULL, WORDS);
  EMISSIONS(MTL_ERROR_CANCELLED, model, 0, "en", batch, cancel, ROOM);
  FAILS(MTL_ERROR_ARGUMENT, mtl_x_model_emissions(model, 0, "en", 2, batch, NULL, NULL, ROOM, E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_x_model_crf(NULL, 0, &crf, E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_x_model_crf(model, 99, &crf, E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_x_model_crf(model, 0, NULL, E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_x_model_crf(model, 0, &small, E));
  mtl_cancel_free(cancel);
  mtl_batch_free(broken);
  mtl_batch_free(running);
  mtl_batch_free(batch);
  mtl_model_release(model);
}

void test_experimental(void) {
  RUN(decoding_them_gives_the_models_tags);
  RUN(bad_arguments_are_refused);
}
