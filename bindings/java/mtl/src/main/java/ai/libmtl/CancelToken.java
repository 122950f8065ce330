package ai.libmtl;

import java.util.HashSet;
import java.util.Set;

/** Stops the calls that have it ({@link CallOptions#cancel}), from any thread. It has no memory of C's: there is nothing to close. */
public final class CancelToken {
  private final Set<Long> calls = new HashSet<>();
  private boolean cancelled;

  /** Makes a token that was not cancelled. */
  public CancelToken() {}

  /** Calls that have the token, and those that get it later, end with {@link Code#CANCELLED}. */
  public synchronized void cancel() {
    cancelled = true;
    for (long call : calls) {
      Native.cancelFire(call);
    }
  }

  /** Whether it was cancelled. */
  public synchronized boolean isCancelled() {
    return cancelled;
  }

  synchronized void attach(long call) {
    calls.add(call);
    if (cancelled) {
      Native.cancelFire(call);
    }
  }

  synchronized void detach(long call) {
    calls.remove(call);
  }
}
