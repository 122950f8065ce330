package ai.libmtl;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What every call that computes can be told: how long it may take, and who may stop it.
 *
 * @param <T> the options themselves
 */
public abstract class CallOptions<T extends CallOptions<T>> extends Options<T> {
  final List<CancelToken> tokens;
  final @Nullable Duration timeout;

  CallOptions(Map<String, String> values, List<CancelToken> tokens, @Nullable Duration timeout) {
    super(values);
    this.tokens = tokens;
    this.timeout = timeout;
  }

  /** The same options with others. */
  abstract T copy(Map<String, String> values, List<CancelToken> tokens, @Nullable Duration timeout);

  @Override
  final T copy(Map<String, String> values) {
    return copy(values, tokens, timeout);
  }

  /** Ends the call with {@link Code#CANCELLED}, within about 10 ms, when the token is cancelled. There may be several. */
  public final T cancel(CancelToken token) {
    List<CancelToken> all = new ArrayList<>(tokens);
    all.add(token);
    return copy(values, Collections.unmodifiableList(all), timeout);
  }

  /** Ends the call with {@link Code#DEADLINE} so long after it began. */
  public final T timeout(Duration timeout) {
    return copy(values, tokens, timeout);
  }
}
