package ai.libmtl;

import java.util.List;
import java.util.Locale;

/** Exercises as C takes them, and the errors of those in which Java has found a lone surrogate. */
final class ExerciseColumns {
  private final Object[] parts;
  final Errors.Faults faults = new Errors.Faults();

  ExerciseColumns(List<Exercise> exercises) {
    Exercise.Column[] texts = Exercise.Column.values();
    parts = new Object[2 * texts.length + 5];
    int next = 0;
    for (Exercise.Column column : texts) {
      Utf8 all = new Utf8(exercises.size(), false);
      for (Exercise exercise : exercises) {
        String text = exercise.text(column);
        faults.note(all.count(), column.name().toLowerCase(Locale.ROOT) + ", ", text, all.add(text));
      }
      parts[next++] = all.data();
      parts[next++] = all.offsets();
    }
    double[] days = new double[exercises.size()];
    double[] time = new double[exercises.size()];
    long[] first = new long[exercises.size() + 1];
    Utf8 words = new Utf8(0, false);
    for (int i = 0; i < days.length; i++) {
      Exercise exercise = exercises.get(i);
      days[i] = exercise.days();
      time[i] = exercise.seconds();
      for (String word : exercise.words()) {
        faults.note(i, "word " + (words.count() - first[i]) + ", ", word, words.add(word));
      }
      first[i + 1] = words.count();
    }
    parts[next++] = words.data();
    parts[next++] = words.offsets();
    parts[next++] = days;
    parts[next++] = time;
    parts[next] = first;
  }

  Object[] parts() {
    return parts;
  }
}
