/* Results: columns and their views. */
#include "check.h"

#include <math.h>

#define TEXT "Maria Jensen moved to Toronto. Ada sails."

static void columns_fit_together(void) {
  const mtl_model *model = open_model();
  mtl_result *result = tagged(model, TEXT, "language=en scores=true nbest=3");
  mtl_documents documents = {.struct_size = sizeof documents};
  mtl_tokens tokens = {.struct_size = sizeof tokens};
  WORKS(mtl_result_documents(result, &documents, E));
  WORKS(mtl_result_tokens(result, &tokens, E));
  CHECK(documents.count == 1 && tokens.sentence_count == 2 && tokens.count == 9);
  CHECK(documents.sentences[0] == 0 && documents.sentences[1] == 2);
  CHECK(tokens.sentences[0] == 0 && tokens.sentences[1] == 6 && tokens.sentences[2] == 9);
  CHECK(tokens.start[1] == 6 && tokens.end[1] == 12);
  for (uint32_t task = 0; task < mtl_model_task_count(model); task++) {
    mtl_tags tags = {.struct_size = sizeof tags};
    mtl_spans spans = {.struct_size = sizeof spans};
    mtl_paths paths = {.struct_size = sizeof paths};
    WORKS(mtl_result_tags(result, task, &tags, E));
    WORKS(mtl_result_spans(result, task, &spans, E));
    WORKS(mtl_result_paths(result, task, &paths, E));
    CHECK(tags.count == tokens.count && tags.score != NULL);
    /* A column without elements is NULL: a task with plain labels has no spans. */
    CHECK((spans.score != NULL) == (spans.count > 0) && (spans.label != NULL) == (spans.count > 0));
    for (uint32_t i = 0; i < tags.count; i++) {
      CHECK(tags.label[i] < mtl_model_label_count(model, task));
      CHECK(tags.score[i] > 0 && tags.score[i] <= 1.0001F);
    }
    CHECK(mtl_model_span_label_count(model, task) > 0 || spans.count == 0);
    for (uint32_t i = 0; i < spans.count; i++) {
      CHECK(spans.document[i] == 0 && spans.label[i] < mtl_model_span_label_count(model, task));
      CHECK(spans.first_token[i] < spans.end_token[i] && spans.end_token[i] <= tokens.count);
      CHECK(spans.start[i] == tokens.start[spans.first_token[i]]);
      CHECK(spans.end[i] == tokens.end[spans.end_token[i] - 1]);
    }
    /* Three paths a sentence, the first of them the tags, better before worse. */
    CHECK(paths.count == 6 && paths.sentence[0] == 0 && paths.sentence[3] == 1);
    for (uint32_t i = 0; i < paths.count; i++) {
      uint32_t s = paths.sentence[i], length = tokens.sentences[s + 1] - tokens.sentences[s];
      CHECK(paths.labels[i + 1] - paths.labels[i] == length);
      CHECK(i % 3 == 0 || paths.probability[i] <= paths.probability[i - 1]);
      if (i % 3 == 0)
        CHECK(memcmp(paths.label + paths.labels[i], tags.label + tokens.sentences[s], length * sizeof *tags.label) == 0);
    }
  }
  mtl_result_free(result);
  mtl_model_release(model);
}

static void what_was_not_asked_for_is_not_there(void) {
  const mtl_model *model = open_model();
  mtl_result *result = tagged(model, TEXT, "language=en tasks=upos");
  mtl_tags tags = {.struct_size = sizeof tags};
  mtl_spans spans = {.struct_size = sizeof spans};
  mtl_paths paths = {.struct_size = sizeof paths};
  uint32_t ner = 0, upos = 0;
  WORKS(mtl_model_task_find(model, "ner", 3, &ner, E));
  WORKS(mtl_model_task_find(model, "upos", 4, &upos, E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_result_tags(result, ner, &tags, E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_result_spans(result, ner, &spans, E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_result_paths(result, ner, &paths, E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_result_tags(result, MTL_NONE, &tags, E));
  WORKS(mtl_result_tags(result, upos, &tags, E));
  WORKS(mtl_result_paths(result, upos, &paths, E));
  CHECK(tags.score == NULL && paths.count == 0 && paths.labels[0] == 0);
  mtl_result_free(result);
  mtl_model_release(model);
}

static void a_task_without_the_language_has_no_labels(void) {
  const mtl_model *model = open_model();
  mtl_result *result = tagged(model, "De burgemeester opende gisteren de brug.", "language=nl scores=true");
  mtl_tags tags = {.struct_size = sizeof tags};
  uint32_t ner = 0, dutch = 0;
  size_t length = 0;
  WORKS(mtl_model_task_find(model, "ner", 3, &ner, E));
  while (!same(mtl_model_language(model, dutch, &length), length, "nl")) dutch++;
  CHECK(mtl_model_task_knows(model, ner, dutch) == 0);
  WORKS(mtl_result_tags(result, ner, &tags, E));
  CHECK(tags.count == 7);
  for (uint32_t i = 0; i < tags.count; i++) CHECK(tags.label[i] == MTL_NONE && isnan(tags.score[i]));
  mtl_result_free(result);
  mtl_model_release(model);
}

/* A view that is too small is refused and not touched; one of a later header, larger, is filled as far as is known. */
#define SIZES(view_type, call)                                                        \
  do {                                                                                \
    struct {                                                                          \
      view_type view;                                                                 \
      uint32_t later;                                                                 \
    } bigger;                                                                         \
    view_type view, before;                                                           \
    for (uint32_t size = 0; size < sizeof view; size++) {                             \
      memset(&view, 0x5a, sizeof view);                                               \
      view.struct_size = size;                                                        \
      memcpy(&before, &view, sizeof view);                                            \
      FAILS(MTL_ERROR_ARGUMENT, call(&view));                                         \
      CHECK(memcmp(&view, &before, sizeof view) == 0);                                \
    }                                                                                 \
    bigger.view.struct_size = sizeof bigger;                                          \
    bigger.later = 77;                                                                \
    WORKS(call(&bigger.view));                                                        \
    CHECK(bigger.view.struct_size == sizeof view && bigger.later == 77);              \
  } while (0)

static void struct_size_is_looked_at(void) {
  const mtl_model *model = open_model();
  mtl_result *result = tagged(model, TEXT, "");
#define DOCUMENTS(view) mtl_result_documents(result, view, E)
#define TOKENS(view) mtl_result_tokens(result, view, E)
#define TAGS(view) mtl_result_tags(result, 0, view, E)
#define SPANS(view) mtl_result_spans(result, 0, view, E)
#define PATHS(view) mtl_result_paths(result, 0, view, E)
  SIZES(mtl_documents, DOCUMENTS);
  SIZES(mtl_tokens, TOKENS);
  SIZES(mtl_tags, TAGS);
  SIZES(mtl_spans, SPANS);
  SIZES(mtl_paths, PATHS);
  mtl_result_free(result);
  mtl_model_release(model);
}

void test_result(void) {
  RUN(columns_fit_together);
  RUN(what_was_not_asked_for_is_not_there);
  RUN(a_task_without_the_language_has_no_labels);
  RUN(struct_size_is_looked_at);
}
