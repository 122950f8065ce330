/* Which words of an exercise will a learner get wrong? score BUNDLE TRACK USER SENTENCE [ANSWER] prints each word of the
   sentence with P(mistake), and, once there is an ANSWER, whether the learner got it right or wrong. */
#include <mtl.h>

#include <stdio.h>
#include <string.h>

enum { WORDS = 256 };

static int failed(mtl_error *error) {
  fprintf(stderr, "%s\n", mtl_error_message(error, NULL));
  mtl_error_free(error);
  return 1;
}

/* Cuts a sentence at its blanks; gives the number of words. */
static size_t cut(const char *sentence, const char **words, size_t *lengths) {
  size_t count = 0;
  for (sentence += strspn(sentence, " "); *sentence != '\0' && count < WORDS; sentence += strspn(sentence, " ")) {
    words[count] = sentence;
    lengths[count] = strcspn(sentence, " ");
    sentence += lengths[count++];
  }
  return count;
}

static int set(mtl_exercises *exercises, const char *key, const char *value, mtl_error **error) {
  return mtl_exercises_set(exercises, key, strlen(key), value, strlen(value), error);
}

int main(int argc, char **argv) {
  if (argc < 5) {
    fprintf(stderr, "usage: %s BUNDLE TRACK USER SENTENCE [ANSWER]\n", argv[0]);
    return 2;
  }
  const char *words[WORDS], *typed[WORDS];
  size_t lengths[WORDS], typed_lengths[WORDS], count = cut(argv[4], words, lengths);
  size_t typed_count = argc > 5 ? cut(argv[5], typed, typed_lengths) : 0;
  mtl_error *error = NULL;
  mtl_bundle *bundle = NULL;
  const mtl_model *model = NULL;
  mtl_exercises *exercises = NULL;
  mtl_scores *scores = NULL;
  mtl_batch *correct = NULL, *answers = NULL;
  mtl_alignment *alignment = NULL;
  mtl_probabilities found = {.struct_size = sizeof found};
  mtl_words aligned = {.struct_size = sizeof aligned};
  int status = 0;
  if (mtl_bundle_open(argv[1], strlen(argv[1]), NULL, &bundle, &error) ||
      mtl_model_open(bundle, NULL, NULL, &model, &error) || mtl_exercises_new(&exercises, &error) ||
      mtl_exercises_add(exercises, words, lengths, count, &error) || set(exercises, "track", argv[2], &error) ||
      set(exercises, "user", argv[3], &error) || mtl_score(model, exercises, NULL, NULL, &scores, &error) ||
      mtl_scores_probabilities(scores, &found, &error) || mtl_batch_new(&correct, &error) ||
      mtl_batch_new(&answers, &error) || mtl_batch_add_tokens(correct, words, lengths, count, &error) ||
      mtl_batch_add_tokens(answers, typed, typed_lengths, typed_count, &error) ||
      mtl_align(correct, answers, NULL, NULL, &alignment, &error) || mtl_alignment_words(alignment, &aligned, &error)) {
    status = failed(error);
  } else if (mtl_scores_error(scores, 0) != NULL) { /* the exercise's own error: an unknown track */
    fprintf(stderr, "%s\n", mtl_error_message(mtl_scores_error(scores, 0), NULL));
    status = 1;
  }
  for (size_t i = 0; status == 0 && i < count; i++) {
    const char *outcome = argc <= 5 ? "" : aligned.mistake[i] ? "\twrong" : "\tright";
    printf("%.*s\t%.3f%s\n", (int)lengths[i], words[i], found.probability[i], outcome);
  }
  mtl_alignment_free(alignment);
  mtl_batch_free(answers);
  mtl_batch_free(correct);
  mtl_scores_free(scores);
  mtl_exercises_free(exercises);
  mtl_model_release(model);
  mtl_bundle_free(bundle);
  return status;
}
