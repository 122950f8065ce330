package ai.libmtl;

import java.time.Duration;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** How exercises are scored. */
public final class ScoreOptions extends CallOptions<ScoreOptions> {
  /** As the model was trained, with no learners but those that it knows. */
  public static final ScoreOptions DEFAULT =
      new ScoreOptions(Collections.emptyMap(), Collections.emptyList(), null, Collections.emptyList());

  final List<Learner> learners;

  private ScoreOptions(Map<String, String> values, List<CancelToken> tokens, @Nullable Duration timeout, List<Learner> learners) {
    super(values, tokens, timeout);
    this.learners = learners;
  }

  @Override
  ScoreOptions copy(Map<String, String> values, List<CancelToken> tokens, @Nullable Duration timeout) {
    return new ScoreOptions(values, tokens, timeout, learners);
  }

  /** Sets an option of {@code mtl_score} by its name, for a libmtl that is newer than these classes. */
  public ScoreOptions with(String key, String value) {
    return set(key, value);
  }

  /**
   * Whether probabilities are as large as mistakes are frequent. Without it they are as the model was trained, which gives mistakes
   * more weight: 0.5 parts right from wrong best.
   */
  public ScoreOptions calibrated(boolean wanted) {
    return set("calibrated", Boolean.toString(wanted));
  }

  /** Scores the exercises of these learners, no user twice, with what {@link Model#adapt} has found of them. */
  public ScoreOptions learners(Learner... learners) {
    return new ScoreOptions(values, tokens, timeout, Collections.unmodifiableList(Arrays.asList(learners.clone())));
  }
}
