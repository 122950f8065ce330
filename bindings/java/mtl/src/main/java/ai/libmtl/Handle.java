package ai.libmtl;

import java.util.function.LongConsumer;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Owns an object of C's: calls share it, and it is freed once. {@link #close()} does not wait: the last call that runs frees it.
 * Where closing was forgotten, {@link Net} frees it when the handle has become unreachable.
 */
final class Handle {
  private static final Net NET = Net.choose();

  private final State state;
  private final Runnable close;

  /** {@code kept} is memory that C reads for as long as the object lives. */
  Handle(String name, long pointer, LongConsumer free, @Nullable Object kept) {
    this.state = new State(name, pointer, free, kept);
    this.close = NET.register(this, state::close);
  }

  /** Runs {@code body} on the object, which lives until it returns. */
  <T> T use(LongFunction<T> body) {
    state.enter();
    try {
      return body.apply(state.pointer);
    } finally {
      state.leave();
    }
  }

  /** Memory that C reads for as long as the object lives. */
  @Nullable Object kept() {
    return state.kept;
  }

  /** Later uses fail; it may be called again. */
  void close() {
    close.run();
  }

  /** Apart from the handle, so that the net does not hold on to that. */
  private static final class State {
    private final String name;
    private final long pointer;
    private final LongConsumer free;
    private final @Nullable Object kept;
    private int users;
    private boolean closed;

    State(String name, long pointer, LongConsumer free, @Nullable Object kept) {
      this.name = name;
      this.pointer = pointer;
      this.free = free;
      this.kept = kept;
    }

    synchronized void enter() {
      if (closed) {
        throw new IllegalStateException("the " + name + " is closed; open another one, or close it later");
      }
      users++;
    }

    void leave() {
      synchronized (this) {
        if (--users > 0 || !closed) {
          return;
        }
      }
      free.accept(pointer);
    }

    void close() {
      synchronized (this) {
        if (closed) {
          return;
        }
        closed = true;
        if (users > 0) {
          return;
        }
      }
      free.accept(pointer);
    }
  }
}
