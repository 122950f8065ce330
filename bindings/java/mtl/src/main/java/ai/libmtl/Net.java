package ai.libmtl;

import java.lang.ref.Cleaner;
import java.lang.ref.PhantomReference;
import java.lang.ref.ReferenceQueue;
import java.util.Collections;
import java.util.HashSet;
import java.util.Set;

/** Frees what nobody has closed, once nobody can reach its owner. */
interface Net {
  /** Runs {@code free} when {@code owner} has become unreachable, or when the returned task is run: once. */
  Runnable register(Object owner, Runnable free);

  /** The net of this machine: {@link Cleaner}, which Android has from API level 33 on, or else references of our own. */
  static Net choose() {
    try {
      Class.forName("java.lang.ref.Cleaner");
      return new OfCleaner();
    } catch (ClassNotFoundException absent) {
      return new OfReferences();
    }
  }

  /** Java's own. A class apart: it is not loaded where there is no {@link Cleaner}. */
  final class OfCleaner implements Net {
    private final Cleaner cleaner = Cleaner.create();

    @Override
    public Runnable register(Object owner, Runnable free) {
      return cleaner.register(owner, free)::clean;
    }
  }

  /** The same for an Android that has no {@link Cleaner}. */
  final class OfReferences implements Net {
    private final ReferenceQueue<Object> unreachable = new ReferenceQueue<>();
    private final Set<Entry> waiting = Collections.synchronizedSet(new HashSet<>());

    OfReferences() {
      Thread thread = new Thread(this::watch, "libmtl-net");
      thread.setDaemon(true);
      thread.start();
    }

    @Override
    public Runnable register(Object owner, Runnable free) {
      Entry entry = new Entry(owner, free);
      waiting.add(entry);
      return entry;
    }

    private void watch() {
      while (true) {
        try {
          ((Entry) unreachable.remove()).run();
        } catch (InterruptedException ignored) {
          // Nobody has a reason to stop this thread: it goes on.
        }
      }
    }

    private final class Entry extends PhantomReference<Object> implements Runnable {
      private final Runnable free;

      Entry(Object owner, Runnable free) {
        super(owner, unreachable);
        this.free = free;
      }

      @Override
      public void run() {
        if (waiting.remove(this)) {
          free.run();
        }
      }
    }
  }
}
