/* Answer alignment. */
#include "check.h"

#include <math.h>

static mtl_alignment *aligned(const char *correct, const char *answer, const char *options) {
  mtl_batch *right = batch_of(&correct, 1), *typed = batch_of(&answer, 1);
  mtl_options *made = options_of(options);
  mtl_alignment *alignment = NULL;
  WORKS(mtl_align(right, typed, made, NULL, &alignment, E));
  mtl_batch_free(right);
  mtl_batch_free(typed);
  mtl_options_free(made);
  return alignment;
}

/* The mistakes of one pair, as text: "0110". */
static int mistakes_are(const char *correct, const char *answer, const char *options, const char *expected) {
  mtl_alignment *alignment = aligned(correct, answer, options);
  mtl_words words = {.struct_size = sizeof words};
  WORKS(mtl_alignment_words(alignment, &words, E));
  int same = words.count == strlen(expected);
  for (uint32_t i = 0; same && i < words.count; i++) same = words.mistake[i] == expected[i] - '0';
  mtl_alignment_free(alignment);
  return same;
}

static void the_papers_example(void) {
  const char *correct = "I love my mother and my father.", *answer = "I love mader and fhader";
  CHECK(mistakes_are(correct, answer, "", "00110110"));
  mtl_alignment *alignment = aligned(correct, answer, "");
  mtl_pairs pairs = {.struct_size = sizeof pairs};
  mtl_words words = {.struct_size = sizeof words};
  mtl_edits edits = {.struct_size = sizeof edits};
  WORKS(mtl_alignment_pairs(alignment, &pairs, E));
  WORKS(mtl_alignment_words(alignment, &words, E));
  WORKS(mtl_alignment_edits(alignment, &edits, E));
  CHECK(pairs.count == 1 && pairs.status[0] == MTL_OK && fabs(pairs.word_error_rate[0] - 4.0 / 7) < 1e-12);
  CHECK(pairs.words[0] == 0 && pairs.words[1] == words.count && words.count == 8);
  CHECK(pairs.edits[0] == 0 && pairs.edits[1] == edits.count && edits.count == 7);
  CHECK(same(correct + words.start[3], words.end[3] - words.start[3], "mother"));
  const uint8_t kinds[] = {0, 0, 2, 1, 0, 2, 1};
  CHECK(memcmp(edits.kind, kinds, sizeof kinds) == 0);
  CHECK(edits.word[3] == 3 && same(answer + edits.start[3], edits.end[3] - edits.start[3], "mader"));
  CHECK(edits.word[2] == 2 && edits.start[2] == MTL_NONE && edits.end[2] == MTL_NONE);
  CHECK(mtl_alignment_error(alignment, 0) == NULL && mtl_alignment_error(alignment, 9) == NULL);
  mtl_alignment_free(alignment);
}

static void options_say_what_counts(void) {
  CHECK(mistakes_are("S\303\255, se\303\261or", "si senor", "", "000"));
  CHECK(mistakes_are("S\303\255 se\303\261or", "S\303\255 senor", "accents=true", "01"));
  CHECK(mistakes_are("Yes sir", "yes sir", "case=true", "10"));
  CHECK(mistakes_are("Yes.", "yes", "punctuation=true", "01"));
  mtl_options *unknown = NULL;
  WORKS(mtl_options_new(&unknown, E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_options_set(unknown, "case", 4, "maybe", 5, E));
  mtl_options_free(unknown);
}

static void an_option_of_another_call_is_refused(void) {
  const char *text = "a";
  mtl_batch *batch = batch_of(&text, 1);
  mtl_options *options = options_of("scores=true");
  mtl_alignment *alignment = NULL;
  FAILS(MTL_ERROR_ARGUMENT, mtl_align(batch, batch, options, NULL, &alignment, E));
  CHECK(alignment == NULL);
  mtl_options_free(options);
  mtl_batch_free(batch);
}

static void a_word_too_many_is_an_edit_of_no_word(void) {
  mtl_alignment *alignment = aligned("no", "oh no", "unit=utf16");
  mtl_edits edits = {.struct_size = sizeof edits};
  WORKS(mtl_alignment_edits(alignment, &edits, E));
  CHECK(edits.count == 2 && edits.kind[0] == MTL_EDIT_INSERT && edits.word[0] == MTL_NONE);
  CHECK(edits.start[0] == 0 && edits.end[0] == 2 && edits.kind[1] == MTL_EDIT_MATCH);
  mtl_alignment_free(alignment);
}

static void pairs_have_their_own_errors(void) {
  const char *correct[] = {"a b", "a b"}, *answers[] = {"a \xff", "a"};
  mtl_batch *right = batch_of(correct, 2), *typed = batch_of(answers, 2), *one = batch_of(correct, 1);
  mtl_alignment *alignment = NULL;
  mtl_pairs pairs = {.struct_size = sizeof pairs};
  FAILS(MTL_ERROR_ARGUMENT, mtl_align(right, one, NULL, NULL, &alignment, E));
  WORKS(mtl_align(right, typed, NULL, NULL, &alignment, E));
  WORKS(mtl_alignment_pairs(alignment, &pairs, E));
  CHECK(pairs.count == 2 && pairs.status[0] == MTL_ERROR_INPUT && pairs.status[1] == MTL_OK);
  CHECK(isnan(pairs.word_error_rate[0]) && pairs.word_error_rate[1] == 0.5);
  CHECK(pairs.words[0] == 0 && pairs.words[1] == 0 && pairs.words[2] == 2);
  CHECK(mtl_error_status(mtl_alignment_error(alignment, 0)) == MTL_ERROR_INPUT);
  CHECK(strstr(mtl_error_message(mtl_alignment_error(alignment, 0), NULL), "the answer") != NULL);
  mtl_alignment_free(alignment);
  mtl_batch_free(right);
  mtl_batch_free(typed);
  mtl_batch_free(one);
}

static void words_that_the_caller_cut(void) {
  const char *correct[] = {"do", "n't", "go"}, *answer[] = {"do", "go"};
  const size_t correct_lengths[] = {2, 3, 2}, answer_lengths[] = {2, 2};
  mtl_batch *right = batch_of(NULL, 0), *typed = batch_of(NULL, 0);
  mtl_alignment *alignment = NULL;
  mtl_words words = {.struct_size = sizeof words};
  WORKS(mtl_batch_add_tokens(right, correct, correct_lengths, 3, E));
  WORKS(mtl_batch_add_tokens(typed, answer, answer_lengths, 2, E));
  WORKS(mtl_align(right, typed, NULL, NULL, &alignment, E));
  WORKS(mtl_alignment_words(alignment, &words, E));
  CHECK(words.count == 3 && !words.mistake[0] && words.mistake[1] && !words.mistake[2]);
  CHECK(words.start[1] == 2 && words.end[1] == 5);
  mtl_alignment_free(alignment);
  mtl_batch_free(right);
  mtl_batch_free(typed);
}

static void it_can_be_cancelled(void) {
  const char *text = "a b c";
  mtl_batch *batch = batch_of(&text, 1);
  mtl_cancel *cancel = NULL;
  mtl_alignment *alignment = NULL;
  WORKS(mtl_cancel_new(-1, &cancel, E));
  WORKS(mtl_cancel_fire(cancel, E));
  FAILS(MTL_ERROR_CANCELLED, mtl_align(batch, batch, NULL, cancel, &alignment, E));
  mtl_cancel_free(cancel);
  mtl_batch_free(batch);
}

void test_align(void) {
  RUN(the_papers_example);
  RUN(options_say_what_counts);
  RUN(an_option_of_another_call_is_refused);
  RUN(a_word_too_many_is_an_edit_of_no_word);
  RUN(pairs_have_their_own_errors);
  RUN(words_that_the_caller_cut);
  RUN(it_can_be_cancelled);
}
