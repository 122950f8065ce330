package ai.libmtl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class ThreadsTest {
  private static final int THREADS = 8;
  private static final List<String> TEXTS = List.of(Zoo.SENTENCE, "Vi bor i København.", "\ud83d", "Ada joined Siemens in Munich.");

  /** Runs a task on each of eight threads, and gives what came of it. */
  private static <T> List<T> everywhere(Callable<T> task) throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(THREADS);
    try {
      List<T> all = new ArrayList<>();
      for (Future<T> one : threads.invokeAll(java.util.Collections.nCopies(THREADS, task))) {
        all.add(one.get());
      }
      return all;
    } finally {
      threads.shutdown();
    }
  }

  private static String tag(Model model) {
    StringBuilder all = new StringBuilder();
    model.tag(TEXTS).forEach(document -> all.append(Zoo.everything(document)));
    return all.toString();
  }

  @Test
  void eightThreadsShareAModel() throws Exception {
    try (Pool pool = new Pool(2); Model model = Model.open(Zoo.bundle("mtl-mobile"), OpenOptions.DEFAULT.pool(pool))) {
      String wanted = tag(model);
      for (String found : everywhere(() -> {
        for (int i = 0; i < 30; i++) {
          assertEquals(wanted, tag(model));
        }
        return tag(model);
      })) {
        assertEquals(wanted, found);
      }
    }
  }

  /** Close does not wait, and calls that run finish: each ends with its result, or says that the model is closed. */
  @Test
  void aModelIsClosedUnderLoad() throws Exception {
    AtomicInteger finished = new AtomicInteger();
    for (int round = 0; round < 10; round++) {
      Model model = Zoo.tagger();
      String wanted = tag(model);
      CountDownLatch running = new CountDownLatch(THREADS);
      Thread closer = new Thread(() -> {
        try {
          running.await();
        } catch (InterruptedException e) {
          throw new IllegalStateException(e);
        }
        model.close();
      });
      closer.start();
      everywhere(() -> {
        String said = assertThrows(IllegalStateException.class, () -> {
          while (true) {
            assertEquals(wanted, tag(model));
            finished.incrementAndGet();
            running.countDown();
          }
        }).getMessage();
        assertTrue(said.contains("model is closed"), said);
        return said;
      });
      closer.join();
    }
    assertTrue(finished.get() >= 10 * THREADS);
  }

  @Test
  void modelsAreSwappedUnderLoad() throws Exception {
    try (Model one = Zoo.tagger(); Slot slot = new Slot(one)) {
      AtomicBoolean done = new AtomicBoolean();
      Thread swapper = new Thread(() -> {
        while (!done.get()) {
          try (Model next = Zoo.tagger()) {
            slot.set(next);
          }
        }
      });
      swapper.start();
      everywhere(() -> {
        for (int i = 0; i < 30; i++) {
          assertEquals(8, slot.tag(List.of(Zoo.SENTENCE), TagOptions.DEFAULT).get(0).tokens().size());
        }
        return null;
      });
      done.set(true);
      swapper.join();
    }
  }

  @Test
  void callsAreCancelledFromOtherThreads() throws Exception {
    try (Model model = Zoo.tagger()) {
      List<String> texts = Zoo.longBatch(model);
      CancelToken token = new CancelToken();
      CountDownLatch begun = new CountDownLatch(THREADS);
      Thread canceller = new Thread(() -> {
        try {
          begun.await();
          Thread.sleep(50);
        } catch (InterruptedException e) {
          throw new IllegalStateException(e);
        }
        token.cancel();
      });
      canceller.start();
      everywhere(() -> {
        begun.countDown();
        return Zoo.refused(Code.CANCELLED, "", () -> model.tag(texts, TagOptions.DEFAULT.cancel(token)));
      });
      canceller.join();
    }
  }
}
