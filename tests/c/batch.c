/* Batches: texts, words, packed columns. */
#include "check.h"

static uint32_t tokens_of(const mtl_model *model, const mtl_batch *batch, mtl_result **result, mtl_tokens *tokens) {
  tokens->struct_size = sizeof *tokens;
  mtl_options *options = options_of("language=en");
  WORKS(mtl_tag(model, batch, options, NULL, result, E));
  WORKS(mtl_result_tokens(*result, tokens, E));
  mtl_options_free(options);
  return tokens->count;
}

static void documents_come_in_four_ways_and_count_the_same(void) {
  static const char *words[] = {"Ada", "sails", "."};
  static const size_t lengths[] = {3, 5, 1};
  static const uint64_t token_offsets[] = {0, 3, 8, 9}, document_offsets[] = {0, 3}, text_offsets[] = {0, 9, 9};
  const mtl_model *model = open_model();
  mtl_batch *batch = batch_of(NULL, 0);
  mtl_result *result = NULL;
  mtl_tokens tokens;
  WORKS(mtl_batch_add_text(batch, "Adasails.", 9, E));
  WORKS(mtl_batch_add_tokens(batch, words, lengths, 3, E));
  WORKS(mtl_batch_add_tokens_packed(batch, "Adasails.", 9, token_offsets, 3, document_offsets, 1, E));
  WORKS(mtl_batch_add_texts_packed(batch, "Adasails.", 9, text_offsets, 2, E));
  CHECK(mtl_batch_count(batch) == 5);
  /* "Adasails" "." | three words | three words | "Adasails" "." | nothing */
  CHECK(tokens_of(model, batch, &result, &tokens) == 10 && tokens.sentence_count == 4);
  for (int i = 0; i < 3; i++) {
    CHECK(tokens.start[2 + i] == token_offsets[i] && tokens.end[2 + i] == token_offsets[i + 1]);
    CHECK(tokens.start[5 + i] == token_offsets[i] && tokens.end[5 + i] == token_offsets[i + 1]);
  }
  mtl_result_free(result);
  WORKS(mtl_batch_clear(batch, E));
  CHECK(mtl_batch_count(batch) == 0);
  WORKS(mtl_batch_add_text(batch, NULL, 0, E));
  CHECK(tokens_of(model, batch, &result, &tokens) == 0 && tokens.sentence_count == 0);
  mtl_result_free(result);
  mtl_batch_free(batch);
  mtl_model_release(model);
}

static void bad_offsets_are_refused_and_add_nothing(void) {
  static const uint64_t falling[] = {0, 5, 3}, beyond[] = {0, 5, 10}, huge[] = {0, UINT64_MAX, 9}, good[] = {0, 4, 9},
                        outside[] = {0, 3};
  static const uint64_t *bad[] = {falling, beyond, huge};
  mtl_batch *batch = batch_of(NULL, 0);
  for (int i = 0; i < 3; i++) {
    FAILS(MTL_ERROR_ARGUMENT, mtl_batch_add_texts_packed(batch, "Adasails.", 9, bad[i], 2, E));
    FAILS(MTL_ERROR_ARGUMENT, mtl_batch_add_tokens_packed(batch, "Adasails.", 9, bad[i], 2, good, 1, E));
    FAILS(MTL_ERROR_ARGUMENT, mtl_batch_add_tokens_packed(batch, "Adasails.", 9, good, 2, bad[i], 2, E));
  }
  FAILS(MTL_ERROR_ARGUMENT, mtl_batch_add_tokens_packed(batch, "Adasails.", 9, good, 2, outside, 1, E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_batch_add_texts_packed(batch, "A", 1, good, SIZE_MAX, E));
  /* Misaligned columns. */
  char room[4 * sizeof(uint64_t)] = {0};
  const uint64_t *crooked = (const uint64_t *)(const void *)(room + ((uintptr_t)room % 8 == 1 ? 2 : 1));
  FAILS(MTL_ERROR_ARGUMENT, mtl_batch_add_texts_packed(batch, "A", 1, crooked, 1, E));
  CHECK(mtl_batch_count(batch) == 0);
  mtl_batch_free(batch);
}

static void the_batch_keeps_copies(void) {
  char text[] = "Maria Jensen moved to Toronto.";
  const mtl_model *model = open_model();
  mtl_batch *batch = batch_of(NULL, 0);
  mtl_result *result = NULL;
  mtl_tokens tokens;
  WORKS(mtl_batch_add_text(batch, text, strlen(text), E));
  memset(text, 'x', sizeof text);
  CHECK(tokens_of(model, batch, &result, &tokens) == 6);
  mtl_batch_free(batch);
  CHECK(tokens.start[5] == 29); /* the result lives without its batch */
  mtl_result_free(result);
  mtl_model_release(model);
}

void test_batch(void) {
  RUN(documents_come_in_four_ways_and_count_the_same);
  RUN(bad_offsets_are_refused_and_add_nothing);
  RUN(the_batch_keeps_copies);
}
