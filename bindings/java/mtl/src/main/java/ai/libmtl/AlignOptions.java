package ai.libmtl;

import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** How answers are aligned. */
public final class AlignOptions extends CallOptions<AlignOptions> {
  /** Case, punctuation and accents do not count; offsets count UTF-16 units. */
  public static final AlignOptions DEFAULT =
      new AlignOptions(Collections.emptyMap(), Collections.emptyList(), null).unit(Unit.UTF16);

  private AlignOptions(Map<String, String> values, List<CancelToken> tokens, @Nullable Duration timeout) {
    super(values, tokens, timeout);
  }

  @Override
  AlignOptions copy(Map<String, String> values, List<CancelToken> tokens, @Nullable Duration timeout) {
    return new AlignOptions(values, tokens, timeout);
  }

  /** Sets an option of {@code mtl_align} by its name, for a libmtl that is newer than these classes. */
  public AlignOptions with(String key, String value) {
    return set(key, value);
  }

  /** What offsets count. */
  public AlignOptions unit(Unit unit) {
    return set("unit", unit.value);
  }

  /** Whether {@code Yes} is another word than {@code yes}. */
  public AlignOptions matchCase(boolean counts) {
    return set("case", Boolean.toString(counts));
  }

  /** Whether {@code well-known} is another word than {@code wellknown}, and a missing full stop a mistake. */
  public AlignOptions punctuation(boolean counts) {
    return set("punctuation", Boolean.toString(counts));
  }

  /** Whether {@code sí} is another word than {@code si}. */
  public AlignOptions accents(boolean counts) {
    return set("accents", Boolean.toString(counts));
  }

  /** Whether U+FFFD is read for a lone surrogate, and for bytes that are not UTF-8; without it, such an answer has an error. */
  public AlignOptions replaceInvalid(boolean wanted) {
    return set("invalid_utf8", wanted ? "replace" : "error");
  }
}
