package ai.libmtl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

@EnabledOnOs(OS.LINUX)
class MemoryTest {
  /** The model is 2 MB large and more in memory: a hundred that are not freed would be seen. */
  private static final long GROWTH = 40 << 20;

  /** The memory of this process, in bytes. Java's heap is all there from the start (argLine of the pom), so that it does not grow. */
  private static long resident() throws IOException {
    assertEquals(Runtime.getRuntime().maxMemory(), Runtime.getRuntime().totalMemory(), "-Xms is not -Xmx");
    System.gc();
    String[] pages = Files.readString(Path.of("/proc/self/statm")).split(" ");
    return Long.parseLong(pages[1]) * 4096;
  }

  private static void flat(long before) throws IOException {
    long after = resident();
    System.out.printf("resident: %d KiB, then %d KiB%n", before >> 10, after >> 10);
    assertTrue(after < before + GROWTH, "grew by " + (after - before >> 10) + " KiB");
  }

  @Test
  void aHundredModelsLeaveNothing() throws IOException {
    long before = 0;
    for (int i = 0; i < 110; i++) {
      before = i == 10 ? resident() : before;
      try (Model model = Zoo.tagger()) {
        model.tag(List.of(Zoo.SENTENCE), TagOptions.DEFAULT.scores(true).nbest(2));
      }
    }
    flat(before);
  }

  /** Whatever a call allocates in C is freed, where it succeeds and where it fails. */
  @Test
  void callsLeaveNothing() throws IOException {
    List<String> texts = List.of("Vi bor i København. ".repeat(500), "\ud83d");
    List<Answered> wrong = List.of(Exercise.of("a".repeat(100_000)).track("en_es").user("ada").answered(true),
        Exercise.of("a").track("en_es").user("eve").answered(true));
    CancelToken cancelled = new CancelToken();
    cancelled.cancel();
    long before = 0;
    try (Model model = Zoo.tagger(); Model scorer = Zoo.scorer()) {
      for (int i = 0; i < 1100; i++) {
        before = i == 100 ? resident() : before;
        fails(() -> model.tag(texts, TagOptions.DEFAULT.cancel(cancelled)));
        fails(() -> model.tag(texts, TagOptions.DEFAULT.with("colour", "x".repeat(100_000))));
        fails(() -> Align.align(texts, List.of()));
        fails(() -> scorer.adapt(wrong));
        fails(() -> Model.open(Path.of("no/such/bundle")));
        if (i % 50 == 0) {
          model.tag(texts, TagOptions.DEFAULT.timeout(Duration.ofMinutes(1)));
          Align.align(texts, texts);
        }
      }
    }
    flat(before);
  }

  private static void fails(Runnable call) {
    try {
      call.run();
    } catch (MtlException expected) {
      return;
    }
    throw new AssertionError("it did not fail");
  }

  @Test
  void forgottenModelsAreFreed() throws IOException, InterruptedException {
    long before = resident();
    for (int i = 0; i < 100; i++) {
      Zoo.tagger();
      System.gc();
    }
    for (int i = 0; i < 100 && resident() > before + GROWTH; i++) {
      Thread.sleep(20);
    }
    flat(before);
  }

  @Test
  void bothNetsFreeOnceAndOnlyOnce() throws InterruptedException {
    for (Net net : List.of(new Net.OfCleaner(), new Net.OfReferences())) {
      AtomicInteger freed = new AtomicInteger();
      Object held = new Object();
      Runnable kept = net.register(held, freed::incrementAndGet);
      Runnable closed = net.register(held, freed::incrementAndGet);
      net.register(new Object(), freed::incrementAndGet); // nobody can reach it any more
      closed.run();
      closed.run();
      for (int i = 0; i < 500 && freed.get() < 2; i++) {
        System.gc();
        Thread.sleep(10);
      }
      assertTrue(freed.get() == 2, net + " has freed " + freed);
      kept.run();
      assertTrue(freed.get() == 3 && held.hashCode() == held.hashCode(), net + " has freed " + freed);
    }
  }
}
