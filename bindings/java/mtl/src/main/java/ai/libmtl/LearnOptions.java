package ai.libmtl;

import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** How long a learner is fitted, and who may stop that. */
public final class LearnOptions extends CallOptions<LearnOptions> {
  /** To the end. */
  public static final LearnOptions DEFAULT = new LearnOptions(Collections.emptyList(), null);

  private LearnOptions(List<CancelToken> tokens, @Nullable Duration timeout) {
    super(Collections.emptyMap(), tokens, timeout);
  }

  @Override
  LearnOptions copy(Map<String, String> values, List<CancelToken> tokens, @Nullable Duration timeout) {
    return new LearnOptions(tokens, timeout);
  }
}
