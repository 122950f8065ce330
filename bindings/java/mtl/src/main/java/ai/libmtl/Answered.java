package ai.libmtl;

import java.util.ArrayList;
import java.util.List;

/** An exercise and which of its words the learner got wrong, as {@link Align} tells ({@link Exercise#answered}). */
public final class Answered {
  private final Exercise exercise;
  private final boolean[] mistakes;

  Answered(Exercise exercise, boolean[] mistakes) {
    this.exercise = exercise;
    this.mistakes = mistakes;
  }

  /** The exercise. */
  public Exercise exercise() {
    return exercise;
  }

  /** For each word whether it was a mistake. */
  public boolean[] mistakes() {
    return mistakes.clone();
  }

  static List<Exercise> exercises(List<Answered> history) {
    List<Exercise> all = new ArrayList<>();
    for (Answered answered : history) {
      all.add(answered.exercise);
    }
    return all;
  }

  /** A byte for each word of all exercises. */
  static byte[] mistakes(List<Answered> history) {
    int count = 0;
    for (int i = 0; i < history.size(); i++) {
      Answered answered = history.get(i);
      if (answered.mistakes.length != answered.exercise.words().size()) {
        throw MtlException.argument("exercise " + i + " has " + answered.exercise.words().size() + " words and "
            + answered.mistakes.length + " mistakes", "say of each word whether it was one");
      }
      count += answered.mistakes.length;
    }
    byte[] all = new byte[count];
    int next = 0;
    for (Answered answered : history) {
      for (boolean mistake : answered.mistakes) {
        all[next++] = (byte) (mistake ? 1 : 0);
      }
    }
    return all;
  }
}
