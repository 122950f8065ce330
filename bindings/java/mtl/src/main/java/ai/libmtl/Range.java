package ai.libmtl;

/** A half-open range: of a text, or of tokens. */
public final class Range {
  private final int start;
  private final int end;

  /** From {@code start} to one before {@code end}. */
  public Range(int start, int end) {
    this.start = start;
    this.end = end;
  }

  /** Where it begins. */
  public int start() {
    return start;
  }

  /** One past its last. */
  public int end() {
    return end;
  }

  /** The part of the text in the range, where that counts {@link Unit#UTF16}. */
  public String of(String text) {
    return text.substring(start, end);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Range && ((Range) other).start == start && ((Range) other).end == end;
  }

  @Override
  public int hashCode() {
    return 31 * start + end;
  }

  @Override
  public String toString() {
    return start + ".." + end;
  }
}
