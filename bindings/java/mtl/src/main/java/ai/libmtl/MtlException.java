package ai.libmtl;

/** A failure that libmtl reports: what was wrong, where, and what to do. */
public final class MtlException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final int number;
  private final String place;
  private final String fault;
  private final String remedy;

  MtlException(int number, String message, String place, String fault, String remedy) {
    super(message);
    this.number = number;
    this.place = place;
    this.fault = fault;
    this.remedy = remedy;
  }

  /** The failure of an argument that C does not get to see. */
  static MtlException argument(String fault, String remedy) {
    return new MtlException(Code.ARGUMENT.number(), fault + "; " + remedy, "", fault, remedy);
  }

  /** What kind of failure it was. */
  public Code code() {
    return Code.of(number);
  }

  /** The number of {@link #code()}, which says more where that is {@link Code#UNKNOWN}. */
  public int number() {
    return number;
  }

  /** Where it was: a file, a token, an offset; empty where that is not known. */
  public String place() {
    return place;
  }

  /** What was wrong; empty where there is no more than the message. */
  public String fault() {
    return fault;
  }

  /** What to do; empty where there is no more than the message. */
  public String remedy() {
    return remedy;
  }
}
