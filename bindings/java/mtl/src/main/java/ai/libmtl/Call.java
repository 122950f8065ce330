package ai.libmtl;

import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One call that may be stopped: C's token for it, while it runs. */
final class Call implements AutoCloseable {
  /** More than any call takes, and less than overflows. */
  private static final Duration FOREVER = Duration.ofDays(36_500);

  private final List<CancelToken> tokens;
  private final long pointer;

  Call(CallOptions<?> options) {
    tokens = options.tokens;
    pointer = tokens.isEmpty() && options.timeout == null ? 0 : Native.cancelNew(milliseconds(options.timeout));
    for (CancelToken token : tokens) {
      token.attach(pointer);
    }
  }

  /** Rounded up, so that only a timeout of nothing is over at once; -1 for none. */
  private static long milliseconds(@Nullable Duration timeout) {
    if (timeout == null || timeout.compareTo(FOREVER) > 0) {
      return -1;
    }
    return timeout.isNegative() ? 0 : timeout.plusNanos(999_999).toMillis();
  }

  /** C's token; 0 for a call that nobody stops. */
  long pointer() {
    return pointer;
  }

  @Override
  public void close() {
    for (CancelToken token : tokens) {
      token.detach(pointer);
    }
    if (pointer != 0) {
      Native.cancelFree(pointer);
    }
  }
}
