/* Documents in, annotations and alignments out. */
#include "bridge.h"

/* Adds documents to a batch: their bytes or a direct buffer, offsets, and NULL or which words make each document. */
static int add_documents(JNIEnv *env, mtl_batch *batch, jbyteArray array, jobject buffer, jlongArray offsets, jlongArray first) {
  mtl_error *error = NULL;
  Loans loans = {.env = env};
  jlong length = buffer != NULL ? (*env)->GetDirectBufferCapacity(env, buffer) : (*env)->GetArrayLength(env, array);
  size_t strings = (size_t)(*env)->GetArrayLength(env, offsets) - 1;
  size_t documents = first == NULL ? 0 : (size_t)(*env)->GetArrayLength(env, first) - 1;
  const char *data = buffer != NULL ? (*env)->GetDirectBufferAddress(env, buffer) : borrow(&loans, 'B', array);
  const uint64_t *ends = (*env)->ExceptionCheck(env) ? NULL : borrow(&loans, 'J', offsets);
  const uint64_t *words = ends == NULL || first == NULL ? NULL : borrow(&loans, 'J', first);
  mtl_status status = MTL_OK;
  int good = ends != NULL && (first == NULL || words != NULL);
  if (good && first == NULL) {
    status = mtl_batch_add_texts_packed(batch, data, (size_t)length, ends, strings, &error);
  } else if (good) {
    status = mtl_batch_add_tokens_packed(batch, data, (size_t)length, ends, strings, words, documents, &error);
  }
  give_back(&loans);
  return good && !failed(env, status, &error);
}

/* A batch of documents, which the caller frees: [bytes or NULL, direct buffer or NULL, offsets, documents or NULL], where
 * the last ones say which words make each document; without them each string is a document of running text. */
static mtl_batch *batch_of(JNIEnv *env, jobjectArray documents) {
  mtl_batch *batch = NULL;
  mtl_error *error = NULL;
  jobject parts[4] = {NULL};
  int good = !failed(env, mtl_batch_new(&batch, &error), &error);
  for (jsize i = 0; good && i < 4; i++) {
    parts[i] = element(env, documents, i);
    good = !(*env)->ExceptionCheck(env);
  }
  good = good && add_documents(env, batch, parts[0], parts[1], parts[2], parts[3]);
  for (int i = 0; i < 4; i++) (*env)->DeleteLocalRef(env, parts[i]);
  if (!good) {
    mtl_batch_free(batch);
    batch = NULL;
  }
  return batch;
}

/* The spans of a task: document, first token, end token, start, end, label, score. */
static int put_spans(Row *row, JNIEnv *env, const mtl_result *result, uint32_t task) {
  mtl_spans spans = {.struct_size = sizeof spans};
  mtl_error *error = NULL;
  return !failed(env, mtl_result_spans(result, task, &spans, &error), &error) &&
         put(row, ints(env, spans.document, spans.count)) && put(row, ints(env, spans.first_token, spans.count)) &&
         put(row, ints(env, spans.end_token, spans.count)) && put(row, ints(env, spans.start, spans.count)) &&
         put(row, ints(env, spans.end, spans.count)) && put(row, ints(env, spans.label, spans.count)) &&
         put(row, floats(env, spans.score, spans.count));
}

/* The best paths of a task: sentence, probability, bounds of labels, labels. */
static int put_paths(Row *row, JNIEnv *env, const mtl_result *result, uint32_t task) {
  mtl_paths paths = {.struct_size = sizeof paths};
  mtl_error *error = NULL;
  if (failed(env, mtl_result_paths(result, task, &paths, &error), &error)) return 0;
  uint32_t bounds = paths.count == 0 ? 0 : paths.count + 1;
  return put(row, ints(env, paths.sentence, paths.count)) && put(row, doubles(env, paths.probability, paths.count)) &&
         put(row, ints(env, paths.labels, bounds)) &&
         put(row, ints(env, paths.label, bounds == 0 ? 0 : paths.labels[paths.count]));
}

/* What a task found: labels, scores, spans, paths. NULL without an exception where it was not asked for. */
static jobjectArray task_columns(JNIEnv *env, const mtl_result *result, uint32_t task) {
  mtl_tags tags = {.struct_size = sizeof tags};
  mtl_error *error = NULL;
  mtl_status status = mtl_result_tags(result, task, &tags, &error);
  if (status == MTL_ERROR_ARGUMENT) {
    mtl_error_free(error);
    return NULL;
  }
  Row row;
  int good = !failed(env, status, &error) && begin_row(&row, env, object_class, 13) &&
             put(&row, ints(env, tags.label, tags.count)) && put(&row, floats(env, tags.score, tags.count)) &&
             put_spans(&row, env, result, task) && put_paths(&row, env, result, task);
  return good ? row.array : NULL;
}

static const mtl_error *document_error(const void *result, uint32_t document) {
  return mtl_result_error(result, document);
}

/* Languages, sentences of documents, starts, ends, tokens of sentences, errors, tasks. */
static jobjectArray result_columns(JNIEnv *env, const mtl_result *result, uint32_t task_count) {
  mtl_documents documents = {.struct_size = sizeof documents};
  mtl_tokens tokens = {.struct_size = sizeof tokens};
  mtl_error *error = NULL;
  Row row, tasks;
  if (failed(env, mtl_result_documents(result, &documents, &error), &error) ||
      failed(env, mtl_result_tokens(result, &tokens, &error), &error) || !begin_row(&row, env, object_class, 7) ||
      !put(&row, ints(env, documents.language, documents.count)) ||
      !put(&row, ints(env, documents.sentences, (size_t)documents.count + 1)) ||
      !put(&row, ints(env, tokens.start, tokens.count)) || !put(&row, ints(env, tokens.end, tokens.count)) ||
      !put(&row, ints(env, tokens.sentences, (size_t)tokens.sentence_count + 1)) ||
      !put(&row, errors(env, result, document_error, documents.status, documents.count)) ||
      !begin_row(&tasks, env, object_class, task_count)) {
    return NULL;
  }
  for (uint32_t task = 0; task < task_count; task++) {
    if (!put(&tasks, task_columns(env, result, task))) return NULL;
  }
  return put(&row, tasks.array) ? row.array : NULL;
}

static jobjectArray tag(JNIEnv *env, jclass type, jlong number, jobjectArray documents, jobjectArray given, jlong cancel) {
  (void)type;
  const mtl_model *model = POINTER(mtl_model, number);
  mtl_options *options = NULL;
  mtl_result *result = NULL;
  mtl_error *error = NULL;
  jobjectArray found = NULL;
  mtl_batch *batch = batch_of(env, documents);
  if (batch != NULL && options_of(env, given, &options) &&
      !failed(env, mtl_tag(model, batch, options, POINTER(mtl_cancel, cancel), &result, &error), &error)) {
    found = result_columns(env, result, mtl_model_task_count(model));
  }
  mtl_result_free(result);
  mtl_options_free(options);
  mtl_batch_free(batch);
  return found;
}

static const mtl_error *pair_error(const void *alignment, uint32_t pair) {
  return mtl_alignment_error(alignment, pair);
}

/* Rates, words of pairs, edits of pairs, starts, ends and mistakes of words, kinds, words, starts and ends of edits, errors. */
static jobjectArray alignment_columns(JNIEnv *env, const mtl_alignment *alignment) {
  mtl_pairs pairs = {.struct_size = sizeof pairs};
  mtl_words words = {.struct_size = sizeof words};
  mtl_edits edits = {.struct_size = sizeof edits};
  mtl_error *error = NULL;
  Row row;
  int good = !failed(env, mtl_alignment_pairs(alignment, &pairs, &error), &error) &&
             !failed(env, mtl_alignment_words(alignment, &words, &error), &error) &&
             !failed(env, mtl_alignment_edits(alignment, &edits, &error), &error) &&
             begin_row(&row, env, object_class, 11) && put(&row, doubles(env, pairs.word_error_rate, pairs.count)) &&
             put(&row, ints(env, pairs.words, (size_t)pairs.count + 1)) &&
             put(&row, ints(env, pairs.edits, (size_t)pairs.count + 1)) && put(&row, ints(env, words.start, words.count)) &&
             put(&row, ints(env, words.end, words.count)) && put(&row, octets(env, words.mistake, words.count)) &&
             put(&row, octets(env, edits.kind, edits.count)) && put(&row, ints(env, edits.word, edits.count)) &&
             put(&row, ints(env, edits.start, edits.count)) && put(&row, ints(env, edits.end, edits.count)) &&
             put(&row, errors(env, alignment, pair_error, pairs.status, pairs.count));
  return good ? row.array : NULL;
}

static jobjectArray align(JNIEnv *env, jclass type, jobjectArray correct, jobjectArray answers, jobjectArray given,
                          jlong cancel) {
  (void)type;
  mtl_options *options = NULL;
  mtl_alignment *alignment = NULL;
  mtl_error *error = NULL;
  jobjectArray found = NULL;
  mtl_batch *right = batch_of(env, correct);
  mtl_batch *typed = right == NULL ? NULL : batch_of(env, answers);
  if (typed != NULL && options_of(env, given, &options) &&
      !failed(env, mtl_align(right, typed, options, POINTER(mtl_cancel, cancel), &alignment, &error), &error)) {
    found = alignment_columns(env, alignment);
  }
  mtl_alignment_free(alignment);
  mtl_options_free(options);
  mtl_batch_free(typed);
  mtl_batch_free(right);
  return found;
}

const JNINativeMethod tag_methods[] = {
    {"tag", "(J[Ljava/lang/Object;[[BJ)[Ljava/lang/Object;", (void *)tag},
    {"align", "([Ljava/lang/Object;[Ljava/lang/Object;[[BJ)[Ljava/lang/Object;", (void *)align},
    {NULL, NULL, NULL},
};
