package ai.libmtl;

import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** How documents are tagged. */
public final class TagOptions extends CallOptions<TagOptions> {
  /** All of the model's tasks, each document's language detected, offsets in UTF-16 units. */
  public static final TagOptions DEFAULT = new TagOptions(Collections.emptyMap(), Collections.emptyList(), null).unit(Unit.UTF16);

  private TagOptions(Map<String, String> values, List<CancelToken> tokens, @Nullable Duration timeout) {
    super(values, tokens, timeout);
  }

  @Override
  TagOptions copy(Map<String, String> values, List<CancelToken> tokens, @Nullable Duration timeout) {
    return new TagOptions(values, tokens, timeout);
  }

  /** Sets an option of {@code mtl_tag} by its name, for a libmtl that is newer than these classes. */
  public TagOptions with(String key, String value) {
    return set(key, value);
  }

  /** These tasks only; without it, all of the model's. */
  public TagOptions tasks(String... names) {
    return set("tasks", String.join(",", names));
  }

  /** The language of every document, an ISO 639-1 code; without it, each one's is detected. */
  public TagOptions language(String code) {
    return set("language", code);
  }

  /** What offsets count. */
  public TagOptions unit(Unit unit) {
    return set("unit", unit.value);
  }

  /** Whether calibrated probabilities of labels and spans are computed. */
  public TagOptions scores(boolean wanted) {
    return set("scores", Boolean.toString(wanted));
  }

  /** Up to so many best paths a sentence, at most 100. */
  public TagOptions nbest(int count) {
    return set("nbest", Integer.toString(count));
  }

  /** Whether languages are tagged that a task was not trained on. */
  public TagOptions zeroShot(boolean wanted) {
    return set("zero_shot", Boolean.toString(wanted));
  }

  /**
   * Whether U+FFFD is read for a lone surrogate, and for bytes that are not UTF-8; without it, such a document has an error. Offsets
   * still count what was given.
   */
  public TagOptions replaceInvalid(boolean wanted) {
    return set("invalid_utf8", wanted ? "replace" : "error");
  }
}
