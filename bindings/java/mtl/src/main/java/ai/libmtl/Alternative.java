package ai.libmtl;

import java.util.List;

/** One way to label a sentence. */
public final class Alternative {
  private final double probability;
  private final List<String> labels;

  Alternative(double probability, List<String> labels) {
    this.probability = probability;
    this.labels = labels;
  }

  /** P(all labels | sentence), calibrated. */
  public double probability() {
    return probability;
  }

  /** The labels of the sentence's tokens. */
  public List<String> labels() {
    return labels;
  }

  @Override
  public String toString() {
    return probability + " " + labels;
  }
}
