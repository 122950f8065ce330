/* Tags a text: tag BUNDLE [TEXT]; without TEXT, the lines of standard input. Prints each name and its kind. */
#include <mtl.h>

#include <stdio.h>
#include <string.h>

static int failed(mtl_error *error) {
  fprintf(stderr, "%s\n", mtl_error_message(error, NULL));
  mtl_error_free(error);
  return 1;
}

/* Prints the spans of the task "ner" in one text. */
static int tag(const mtl_model *model, const char *text, size_t length) {
  mtl_error *error = NULL;
  mtl_batch *batch = NULL;
  mtl_result *result = NULL;
  mtl_spans spans = {.struct_size = sizeof spans};
  uint32_t ner = 0;
  int status = 0;
  if (mtl_batch_new(&batch, &error) || mtl_batch_add_text(batch, text, length, &error) ||
      mtl_model_task_find(model, "ner", 3, &ner, &error) || mtl_tag(model, batch, NULL, NULL, &result, &error) ||
      mtl_result_spans(result, ner, &spans, &error)) {
    status = failed(error);
  } else if (mtl_result_error(result, 0) != NULL) { /* the document's own error */
    fprintf(stderr, "%s\n", mtl_error_message(mtl_result_error(result, 0), NULL));
    status = 1;
  }
  for (uint32_t i = 0; i < spans.count; i++) {
    size_t size = 0;
    const char *label = mtl_model_span_label(model, ner, spans.label[i], &size);
    printf("%.*s\t%.*s\n", (int)(spans.end[i] - spans.start[i]), text + spans.start[i], (int)size, label);
  }
  mtl_result_free(result);
  mtl_batch_free(batch);
  return status;
}

int main(int argc, char **argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: %s BUNDLE [TEXT]\n", argv[0]);
    return 2;
  }
  mtl_error *error = NULL;
  mtl_bundle *bundle = NULL;
  const mtl_model *model = NULL;
  int status = 0;
  if (mtl_bundle_open(argv[1], strlen(argv[1]), NULL, &bundle, &error) ||
      mtl_model_open(bundle, NULL, NULL, &model, &error)) {
    status = failed(error);
  } else if (argc > 2) {
    status = tag(model, argv[2], strlen(argv[2]));
  } else {
    char line[65536];
    while (fgets(line, sizeof line, stdin) != NULL) status |= tag(model, line, strcspn(line, "\n"));
  }
  mtl_model_release(model);
  mtl_bundle_free(bundle);
  return status;
}
