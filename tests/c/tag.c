/* Tagging: whole-call errors, and errors of single documents. */
#include "check.h"

static void one_bad_document_does_not_stop_the_others(void) {
  const char *words[] = {"Ada", ""};
  const size_t lengths[] = {3, 0};
  const mtl_model *model = open_model();
  mtl_batch *batch = batch_of((const char *[]){"Maria Jensen moved to Toronto.", "\xff\xfe", "Ada sails."}, 3);
  mtl_result *result = NULL;
  mtl_documents documents = {.struct_size = sizeof documents};
  WORKS(mtl_batch_add_tokens(batch, words, lengths, 2, E));
  WORKS(mtl_tag(model, batch, NULL, NULL, &result, E));
  WORKS(mtl_result_documents(result, &documents, E));
  CHECK(documents.count == 4);
  CHECK(documents.status[0] == MTL_OK && documents.status[1] == MTL_ERROR_INPUT);
  CHECK(documents.status[2] == MTL_OK && documents.status[3] == MTL_ERROR_INPUT);
  CHECK(documents.language[0] != MTL_NONE && documents.language[1] == MTL_NONE);
  CHECK(documents.sentences[1] == documents.sentences[2]); /* the bad one has none */
  CHECK(mtl_result_error(result, 0) == NULL && mtl_result_error(result, 4) == NULL);
  CHECK(mtl_error_status(mtl_result_error(result, 1)) == MTL_ERROR_INPUT);
  CHECK(strstr(mtl_error_message(mtl_result_error(result, 3), NULL), "token 1") != NULL);
  mtl_result_free(result);

  mtl_options *replace = options_of("invalid_utf8=replace");
  WORKS(mtl_tag(model, batch, replace, NULL, &result, E));
  WORKS(mtl_result_documents(result, &documents, E));
  CHECK(documents.status[1] == MTL_OK);
  mtl_options_free(replace);
  mtl_result_free(result);
  mtl_batch_free(batch);
  mtl_model_release(model);
}

static void a_token_beyond_the_limit_is_an_error_of_its_document(void) {
  size_t length = (size_t)1 << 20;
  char *text = malloc(length);
  const mtl_model *model = open_model();
  mtl_batch *batch = batch_of(NULL, 0);
  mtl_result *result = NULL;
  mtl_documents documents = {.struct_size = sizeof documents};
  memset(text, 'a', length);
  WORKS(mtl_batch_add_text(batch, text, length, E));
  WORKS(mtl_tag(model, batch, NULL, NULL, &result, E));
  WORKS(mtl_result_documents(result, &documents, E));
  CHECK(documents.status[0] == MTL_ERROR_LIMIT);
  mtl_result_free(result);
  mtl_batch_free(batch);
  mtl_model_release(model);
  free(text);
}

static void what_concerns_all_fails_the_call(void) {
  static const char *bad[] = {"tasks=colours", "tasks=ner,ner", "language=xx", "language=nl tasks=ner"};
  const mtl_model *model = open_model();
  mtl_batch *batch = batch_of((const char *[]){"Ada sails."}, 1);
  mtl_result *result = NULL;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    mtl_options *options = options_of(bad[i]);
    FAILS(MTL_ERROR_ARGUMENT, mtl_tag(model, batch, options, NULL, &result, E));
    mtl_options_free(options);
  }
  CHECK(result == NULL);
  mtl_batch_free(batch);
  mtl_model_release(model);
}

static void a_result_does_not_depend_on_its_neighbours(void) {
  const char *texts[] = {"Maria Jensen moved to Toronto.", "Ada sails.", "The bakery in the old harbour burnt down."};
  const mtl_model *model = open_model();
  mtl_batch *batch = batch_of(texts, 3);
  mtl_options *options = options_of("language=en");
  mtl_result *together = NULL;
  uint32_t at = 0;
  WORKS(mtl_tag(model, batch, options, NULL, &together, E));
  for (int i = 0; i < 3; i++) {
    mtl_result *alone = tagged(model, texts[i], "language=en");
    for (uint32_t task = 0; task < mtl_model_task_count(model); task++) {
      mtl_tags all = {.struct_size = sizeof all}, one = {.struct_size = sizeof one};
      WORKS(mtl_result_tags(together, task, &all, E));
      WORKS(mtl_result_tags(alone, task, &one, E));
      CHECK(one.count > 0 && memcmp(all.label + at, one.label, one.count * sizeof *one.label) == 0);
      if (task + 1 == mtl_model_task_count(model)) at += one.count;
    }
    mtl_result_free(alone);
  }
  mtl_result_free(together);
  mtl_options_free(options);
  mtl_batch_free(batch);
  mtl_model_release(model);
}

void test_tag(void) {
  RUN(one_bad_document_does_not_stop_the_others);
  RUN(a_token_beyond_the_limit_is_an_error_of_its_document);
  RUN(what_concerns_all_fails_the_call);
  RUN(a_result_does_not_depend_on_its_neighbours);
}
