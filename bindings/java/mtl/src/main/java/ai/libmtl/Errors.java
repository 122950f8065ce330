package ai.libmtl;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The errors of a result's documents, pairs or exercises. */
final class Errors {
  private final MtlException @Nullable [] all;

  /** C's column, which is null where nothing has an error; what Java knows of one, having counted in strings, takes its place. */
  Errors(@Nullable Object column, Faults... known) {
    Object[] errors = (Object[]) column;
    all = errors == null ? null : Arrays.copyOf(errors, errors.length, MtlException[].class);
    if (all != null) {
      for (Faults faults : known) {
        faults.explain(all);
      }
    }
  }

  @Nullable MtlException at(int index) {
    return all == null ? null : all[index];
  }

  /** Lone surrogates that Java has found: an error for each document or exercise that has one. */
  static final class Faults {
    private final Map<Integer, MtlException> first = new HashMap<>();

    /** Notes a lone surrogate in the string at a place, up to the string, of a document or exercise. */
    void note(int index, String place, String text, int lone) {
      if (lone >= 0 && !first.containsKey(index)) {
        String fault = String.format("U+%04X is a lone surrogate, half a character", (int) text.charAt(lone));
        first.put(index, input(place + "UTF-16 unit " + lone, fault, "pass text that is Unicode, or leave out what is none"));
      }
    }

    private static MtlException input(String place, String fault, String remedy) {
      return new MtlException(Code.INPUT.number(), place + ": " + fault + "; " + remedy, place, fault, remedy);
    }

    private void explain(MtlException[] errors) {
      first.forEach((index, fault) -> {
        if (errors[index] != null && errors[index].code() == Code.INPUT) {
          errors[index] = fault;
        }
      });
    }

    /** Throws the first, for a call whose error it is. */
    void refuse(String what) {
      first.keySet().stream().min(Integer::compare).ifPresent(index -> {
        MtlException fault = first.get(index);
        throw input(what + " " + index + ", " + fault.place(), fault.fault(), fault.remedy());
      });
    }
  }
}
