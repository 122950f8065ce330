/* Runs the cases of tests/cases in C: cases BUNDLE < LINES, where the lines are those of tests/cpp/cases.cpp. */
#include <mtl.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the library says where an expectation stands, as text. */
static char *said;
static size_t said_length, said_room;

static void say(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  if (said_length + (size_t)length + 1 > said_room) said = realloc(said, said_room = 2 * (said_length + (size_t)length + 1));
  va_start(arguments, format);
  vsnprintf(said + said_length, (size_t)length + 1, format, arguments);
  va_end(arguments);
  said_length += (size_t)length;
}

static mtl_bundle *bundle;
static const mtl_model *model;
static int passed, failed;

/* The case that is being read. */
static struct {
  char name[256];
  mtl_status set; /* of its options */
  int align, broken;
  mtl_options *options;
  mtl_batch *documents, *answers;
  char *expected[512];
  size_t count;
} now;

static void clear(void) {
  mtl_options_free(now.options);
  mtl_batch_free(now.documents);
  mtl_batch_free(now.answers);
  while (now.count > 0) free(now.expected[--now.count]);
  memset(&now, 0, sizeof now);
}

static void begin(const char *name) {
  clear();
  snprintf(now.name, sizeof now.name, "%s", name);
  if (mtl_options_new(&now.options, NULL) || mtl_batch_new(&now.documents, NULL) || mtl_batch_new(&now.answers, NULL)) abort();
}

/* Turns hexadecimal digits into bytes where they stand; gives how many there are. "-" is none. */
static size_t unhex(char *hex) {
  size_t length = strspn(hex, "0123456789abcdef") / 2;
  for (size_t i = 0; i < length; i++) {
    char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
    hex[i] = (char)strtol(digits, NULL, 16);
  }
  return length;
}

static void add(mtl_batch *batch, int is_text, char *hex) {
  static const char *words[256];
  static size_t lengths[256];
  size_t count = 0;
  for (char *end; hex != NULL && *hex != '\0' && count < 256; hex = end) {
    if ((end = strchr(hex, ' ')) != NULL) *end++ = '\0';
    words[count] = hex;
    lengths[count++] = unhex(hex);
  }
  if (is_text ? mtl_batch_add_text(batch, count > 0 ? words[0] : "", count > 0 ? lengths[0] : 0, NULL)
              : mtl_batch_add_tokens(batch, words, lengths, count, NULL))
    now.broken = 1;
}

static void say_range(uint32_t start, uint32_t end) { say(" %u-%u", start, end); }

/* `expected` is "KIND INDEX [TASK] ..."; says the same of a result. */
static void say_result(const mtl_result *result, const char *kind, uint32_t index, const char *task) {
  mtl_documents documents = {.struct_size = sizeof documents};
  mtl_tokens tokens = {.struct_size = sizeof tokens};
  mtl_tags tags = {.struct_size = sizeof tags};
  mtl_spans spans = {.struct_size = sizeof spans};
  size_t size = 0;
  uint32_t number = 0;
  if (mtl_result_documents(result, &documents, NULL) || mtl_result_tokens(result, &tokens, NULL)) return;
  if (strcmp(kind, "count") == 0) say("count %u", documents.count);
  if (strcmp(kind, "count") == 0 || index >= documents.count) return;
  uint32_t s = documents.sentences[index], s_end = documents.sentences[index + 1];
  uint32_t t = tokens.sentences[s], t_end = tokens.sentences[s_end];
  say("%s %u", kind, index);
  if (strcmp(kind, "status") == 0) {
    const char *language = mtl_model_language(model, documents.language[index], &size);
    say(" %d", documents.status[index]);
    if (language != NULL) say(" %.*s", (int)size, language);
    if (mtl_error_status(mtl_result_error(result, index)) != documents.status[index]) say(" without its error");
  }
  if (strcmp(kind, "sentences") == 0)
    while (s < s_end) say(" %u", tokens.sentences[++s] - t);
  if (strcmp(kind, "tokens") == 0)
    for (; t < t_end; t++) say_range(tokens.start[t], tokens.end[t]);
  if (strcmp(kind, "counts") == 0) say_range(s_end - s, t_end - t);
  if (strcmp(kind, "last") == 0) say_range(tokens.start[t_end - 1], tokens.end[t_end - 1]);
  if (*task == '\0' || mtl_model_task_find(model, task, strlen(task), &number, NULL)) return;
  if (strcmp(kind, "labels") == 0 && mtl_result_tags(result, number, &tags, NULL) == MTL_OK)
    for (say(" %s", task); t < t_end; t++) {
      const char *label = mtl_model_label(model, number, tags.label[t], &size);
      say(" %.*s", label == NULL ? 1 : (int)size, label == NULL ? "-" : label);
    }
  if (strcmp(kind, "spans") == 0 && mtl_result_spans(result, number, &spans, NULL) == MTL_OK) {
    say(" %s", task);
    for (uint32_t i = 0; i < spans.count; i++)
      if (spans.document[i] == index) {
        const char *label = mtl_model_span_label(model, number, spans.label[i], &size);
        say_range(spans.start[i], spans.end[i]);
        say(":%.*s", (int)size, label);
      }
  }
}

/* The same of an alignment. */
static void say_alignment(const mtl_alignment *alignment, const char *kind, uint32_t index) {
  mtl_pairs pairs = {.struct_size = sizeof pairs};
  mtl_words words = {.struct_size = sizeof words};
  mtl_edits edits = {.struct_size = sizeof edits};
  if (mtl_alignment_pairs(alignment, &pairs, NULL) || mtl_alignment_words(alignment, &words, NULL) ||
      mtl_alignment_edits(alignment, &edits, NULL))
    return;
  if (strcmp(kind, "count") == 0) say("count %u", pairs.count);
  if (strcmp(kind, "count") == 0 || index >= pairs.count) return;
  uint32_t first = pairs.words[index];
  say("%s %u", kind, index);
  if (strcmp(kind, "status") == 0) {
    say(" %d", pairs.status[index]);
    if (mtl_error_status(mtl_alignment_error(alignment, index)) != pairs.status[index]) say(" without its error");
  }
  if (strcmp(kind, "rate") == 0) say(" %.6f", pairs.word_error_rate[index]);
  for (uint32_t w = first; w < pairs.words[index + 1]; w++) {
    if (strcmp(kind, "words") == 0) say_range(words.start[w], words.end[w]);
    if (strcmp(kind, "mistakes") == 0) say(" %u", words.mistake[w]);
  }
  for (uint32_t e = pairs.edits[index]; e < pairs.edits[index + 1]; e++) {
    if (strcmp(kind, "edits") == 0) say(" %c", "MSDI"[edits.kind[e]]);
    if (strcmp(kind, "edits") == 0 && edits.word[e] != MTL_NONE) say("%u", edits.word[e] - first);
    if (strcmp(kind, "typed") == 0 && edits.kind[e] != MTL_EDIT_DELETE) say_range(edits.start[e], edits.end[e]);
  }
}

static void end(void) {
  mtl_result *result = NULL;
  mtl_alignment *alignment = NULL;
  mtl_status status = now.set;
  if (status == MTL_OK)
    status = now.align ? mtl_align(now.documents, now.answers, now.options, NULL, &alignment, NULL)
                       : mtl_tag(model, now.documents, now.options, NULL, &result, NULL);
  int same = !now.broken;
  for (size_t i = 0; i < now.count; i++) {
    char kind[16] = "", task[64] = "";
    uint32_t index = 0;
    sscanf(now.expected[i], "%15s %u %63s", kind, &index, task);
    said_length = 0;
    if (status != MTL_OK) say("error %d", status);
    else if (strcmp(kind, "error") == 0) say("ok");
    else if (now.align) say_alignment(alignment, kind, index);
    else say_result(result, kind, index, strcmp(kind, "labels") == 0 || strcmp(kind, "spans") == 0 ? task : "");
    if (strcmp(said, now.expected[i]) == 0) continue;
    printf("%s:\n  expected %s\n  found    %s\n", now.name, now.expected[i], said);
    same = 0;
  }
  mtl_result_free(result);
  mtl_alignment_free(alignment);
  same ? passed++ : failed++;
}

/* One line: its first word, and the rest. */
static void read_line(char *word) {
  char *rest = word + strcspn(word, " ");
  if (*rest != '\0') *rest++ = '\0';
  size_t size = 0;
  const char *digest = mtl_bundle_digest(bundle, &size);
  if (strcmp(word, "case") == 0) begin(rest);
  if (strcmp(word, "align") == 0) now.align = 1;
  if (strcmp(word, "end") == 0) end();
  if (strcmp(word, "text") == 0 || strcmp(word, "tokens") == 0) add(now.documents, word[1] == 'e', rest);
  if (strcmp(word, "answer-text") == 0 || strcmp(word, "answer-tokens") == 0) add(now.answers, word[8] == 'e', rest);
  if (strcmp(word, "option") == 0 && now.set == MTL_OK) {
    size_t key = strcspn(rest, " ");
    now.set = mtl_options_set(now.options, rest, key, rest + key + 1, strlen(rest + key + 1), NULL);
  }
  if (strcmp(word, "bundle") == 0 && (strlen(rest) != size || memcmp(rest, digest, size) != 0)) {
    printf("%s: was made for another bundle; run `make cases` and read the difference\n", now.name);
    now.broken = 1;
  }
  if (strcmp(word, "expect") == 0) {
    if (now.count == sizeof now.expected / sizeof *now.expected) abort();
    strcpy(now.expected[now.count++] = malloc(strlen(rest) + 1), rest);
  }
}

int main(int argc, char **argv) {
  mtl_error *error = NULL;
  if (argc != 2 || mtl_bundle_open(argv[1], strlen(argv[1]), NULL, &bundle, &error) ||
      mtl_model_open(bundle, NULL, NULL, &model, &error)) {
    fprintf(stderr, "%s\n", argc == 2 ? mtl_error_message(error, NULL) : "usage: cases BUNDLE < LINES");
    return 2;
  }
  char *line = NULL;
  size_t room = 0;
  for (ssize_t length; (length = getline(&line, &room, stdin)) > 0;) {
    line[length - 1] = '\0';
    read_line(line);
  }
  free(line);
  clear();
  free(said);
  mtl_model_release(model);
  mtl_bundle_free(bundle);
  printf("tests/cases in C: %d passed, %d failed\n", passed, failed);
  return failed != 0;
}
