package ai.libmtl;

import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a model expects of an exercise. */
public final class Scored {
  private final @Nullable MtlException error;
  private final float[] mistakes;

  private Scored(@Nullable MtlException error, float[] mistakes) {
    this.error = error;
    this.mistakes = mistakes;
  }

  static List<Scored> of(Object[] columns, ExerciseColumns exercises) {
    int[] words = (int[]) columns[0];
    float[] probability = (float[]) columns[1];
    Errors errors = new Errors(columns[2], exercises.faults);
    return Columns.list(words.length - 1, i -> new Scored(errors.at(i),
        probability == null ? new float[0] : Arrays.copyOfRange(probability, words[i], words[i + 1])));
  }

  /** Why the exercise could not be scored; null where it was. */
  public @Nullable MtlException error() {
    return error;
  }

  /** P(the learner gets the word wrong), one a word. Throws {@link #error()} where there is one. */
  public float[] mistakes() {
    if (error != null) {
      throw error;
    }
    return mistakes.clone();
  }

  @Override
  public String toString() {
    return error != null ? "error: " + error : Arrays.toString(mistakes);
  }
}
