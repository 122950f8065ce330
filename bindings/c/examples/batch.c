/* Tags the lines of a file, many at once: batch BUNDLE FILE [THREADS [MILLISECONDS]]. Prints for each word of each line:
   line, start, end (bytes), the label of the model's first task; a line that cannot be tagged goes to standard error.
   MILLISECONDS is the deadline of all. */
#include <mtl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES = 256 }; /* a batch: one crossing into the library */

struct job {
  const mtl_model *model;
  const mtl_cancel *cancel;
  mtl_batch *batch;
  unsigned long first_line;
};

static void print(const struct job *job, const mtl_documents *documents, const mtl_tokens *tokens, const mtl_tags *tags,
                  const mtl_result *result) {
  for (uint32_t d = 0; d < documents->count; d++) {
    unsigned long line = job->first_line + d;
    if (documents->status[d] != MTL_OK)
      fprintf(stderr, "line %lu: %s\n", line, mtl_error_message(mtl_result_error(result, d), NULL));
    uint32_t token = tokens->sentences[documents->sentences[d]], end = tokens->sentences[documents->sentences[d + 1]];
    for (; token < end; token++) {
      size_t size = 1;
      const char *label = "-"; /* the task does not know the line's language */
      if (tags->label[token] != MTL_NONE) label = mtl_model_label(job->model, 0, tags->label[token], &size);
      printf("%lu\t%u\t%u\t%.*s\n", line, tokens->start[token], tokens->end[token], (int)size, label);
    }
  }
}

/* Tags and prints what has been gathered, and empties the batch. */
static mtl_status flush_batch(struct job *job, mtl_error **out_error) {
  mtl_result *result = NULL;
  mtl_documents documents = {.struct_size = sizeof documents};
  mtl_tokens tokens = {.struct_size = sizeof tokens};
  mtl_tags tags = {.struct_size = sizeof tags};
  mtl_status status = mtl_tag(job->model, job->batch, NULL, job->cancel, &result, out_error);
  if (status == MTL_OK) status = mtl_result_documents(result, &documents, out_error);
  if (status == MTL_OK) status = mtl_result_tokens(result, &tokens, out_error);
  if (status == MTL_OK) status = mtl_result_tags(result, 0, &tags, out_error);
  if (status == MTL_OK) {
    print(job, &documents, &tokens, &tags, result);
    job->first_line += documents.count;
    status = mtl_batch_clear(job->batch, out_error);
  }
  mtl_result_free(result);
  return status;
}

static mtl_status tag_lines(struct job *job, FILE *file, mtl_error **out_error) {
  char line[65536];
  mtl_status status = MTL_OK;
  while (status == MTL_OK && fgets(line, sizeof line, file) != NULL) {
    status = mtl_batch_add_text(job->batch, line, strcspn(line, "\n"), out_error);
    if (status == MTL_OK && mtl_batch_count(job->batch) == LINES) status = flush_batch(job, out_error);
  }
  return status != MTL_OK ? status : flush_batch(job, out_error);
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: %s BUNDLE FILE [THREADS [MILLISECONDS]]\n", argv[0]);
    return 2;
  }
  FILE *file = fopen(argv[2], "rb");
  if (file == NULL) {
    perror(argv[2]);
    return 1;
  }
  mtl_error *error = NULL;
  mtl_env *env = NULL;
  mtl_cancel *cancel = NULL;
  mtl_bundle *bundle = NULL;
  const mtl_model *model = NULL;
  mtl_batch *batch = NULL;
  int bad = mtl_env_new(argc > 3 ? (uint32_t)atoi(argv[3]) : 0, &env, &error) ||
            mtl_cancel_new(argc > 4 ? atoi(argv[4]) : -1, &cancel, &error) ||
            mtl_bundle_open(argv[1], strlen(argv[1]), NULL, &bundle, &error) ||
            mtl_model_open(bundle, NULL, env, &model, &error) || mtl_batch_new(&batch, &error);
  if (!bad) {
    struct job job = {model, cancel, batch, 1};
    bad = tag_lines(&job, file, &error) != MTL_OK;
  }
  if (bad) fprintf(stderr, "%s: %s\n", mtl_status_name(mtl_error_status(error)), mtl_error_message(error, NULL));
  mtl_error_free(error);
  mtl_batch_free(batch);
  mtl_model_release(model);
  mtl_bundle_free(bundle);
  mtl_cancel_free(cancel);
  mtl_env_free(env);
  fclose(file);
  return bad;
}
