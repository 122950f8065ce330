package ai.libmtl;

/** What kind of failure it was, as the C ABI numbers them. Versions of libmtl to come may have more. */
public enum Code {
  /** An argument is wrong: an unknown task, language or option. */
  ARGUMENT(1),
  /** The text that was given is malformed. */
  INPUT(2),
  /** The operating system refused: no such file, no permission, a full disk. */
  IO(3),
  /** A bundle is malformed. */
  BUNDLE(4),
  /** A bundle's bytes are not those that its manifest promises. */
  INTEGRITY(5),
  /** A stated limit was exceeded. */
  LIMIT(6),
  /** An engine could not be opened, or failed while it ran. */
  ENGINE(7),
  /** A required execution provider is not available. */
  PROVIDER(8),
  /** The call's {@link CancelToken} was cancelled. */
  CANCELLED(9),
  /** The call's timeout has passed. */
  DEADLINE(10),
  /** libmtl has a defect: it panicked. Please report it. */
  PANIC(11),
  /** An earlier call on this object ended in {@link #PANIC}. */
  POISONED(12),
  /** The object was made before {@code fork()}, and this is the child. */
  FORKED(13),
  /** This build or this version of libmtl cannot do it. */
  UNSUPPORTED(14),
  /** A code that this version of the classes does not know; {@link MtlException#number()} has it. */
  UNKNOWN(-1);

  private final int number;

  Code(int number) {
    this.number = number;
  }

  /** The number in the C ABI. */
  public int number() {
    return number;
  }

  static Code of(int number) {
    for (Code code : values()) {
      if (code.number == number) {
        return code;
      }
    }
    return UNKNOWN;
  }
}
