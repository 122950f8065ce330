package ai.libmtl;

import java.util.List;

/** Compares what learners typed with what is right. It needs no model. */
public final class Align {
  private Align() {}

  /** Compares each answer with the right sentence of its number. */
  public static List<Alignment> align(List<String> correct, List<String> answers) {
    return align(Documents.texts(correct), Documents.texts(answers), AlignOptions.DEFAULT);
  }

  /**
   * Compares each answer with the right sentence of its number, and gives an alignment for each pair, in order; a pair that is at fault
   * has an error of its own there. The call fails for what concerns all: other numbers of answers than of sentences, an unknown option,
   * cancelling, a deadline.
   */
  public static List<Alignment> align(Documents correct, Documents answers, AlignOptions options) {
    NativeLibrary.ensure();
    try (Call call = new Call(options)) {
      boolean replace = "replace".equals(options.values.get("invalid_utf8"));
      Documents.Packed right = correct.pack(replace);
      Documents.Packed typed = answers.pack(replace);
      return Alignment.of(Native.align(right.parts(), typed.parts(), options.packed(), call.pointer()), right, typed);
    }
  }
}
