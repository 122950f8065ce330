package ai.libmtl;

/** A stretch of text with a label, such as a name. */
public final class Span {
  private final Range range;
  private final Range tokens;
  private final String label;
  private final float score;

  Span(Range range, Range tokens, String label, float score) {
    this.range = range;
    this.tokens = tokens;
    this.label = label;
    this.score = score;
  }

  /** Where it stands in the text, in the unit asked for. */
  public Range range() {
    return range;
  }

  /** Where it begins. */
  public int start() {
    return range.start();
  }

  /** One past its end. */
  public int end() {
    return range.end();
  }

  /** Its tokens among the document's. */
  public Range tokens() {
    return tokens;
  }

  /** Its label, such as {@code PER}. */
  public String label() {
    return label;
  }

  /** P(the labels of its tokens | sentence), calibrated; NaN unless {@link TagOptions#scores} asked for it. */
  public float score() {
    return score;
  }

  /** Its part of the text, where offsets count {@link Unit#UTF16}. */
  public String of(String text) {
    return range.of(text);
  }

  @Override
  public String toString() {
    return label + " " + range;
  }
}
