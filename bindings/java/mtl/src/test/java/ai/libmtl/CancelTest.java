package ai.libmtl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Timer;
import java.util.TimerTask;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class CancelTest {
  private static Model model;
  private static List<String> texts;
  private static Duration whole;

  @BeforeAll
  static void open() {
    model = Zoo.tagger();
    texts = Zoo.longBatch(model);
    whole = Zoo.duration(() -> model.tag(texts));
  }

  @AfterAll
  static void close() {
    model.close();
  }

  /** The call ends with this code long before it would be done; the model is as it was. */
  private static void ends(Code code, TagOptions options) {
    Duration took = Zoo.duration(
        () -> assertEquals(code, assertThrows(MtlException.class, () -> model.tag(texts, options)).code()));
    assertTrue(took.compareTo(whole.dividedBy(2)) < 0, took + " of " + whole);
    assertEquals(8, model.tag(List.of(Zoo.SENTENCE)).get(0).tokens().size());
  }

  private static void cancelSoon(CancelToken token) {
    new Timer(true).schedule(new TimerTask() {
      @Override
      public void run() {
        token.cancel();
      }
    }, whole.toMillis() / 50);
  }

  @Test
  void aCallIsCancelled() {
    CancelToken token = new CancelToken();
    CancelToken other = new CancelToken();
    assertFalse(token.isCancelled());
    cancelSoon(token);
    ends(Code.CANCELLED, TagOptions.DEFAULT.cancel(other).cancel(token).timeout(Duration.ofDays(100_000)));
    assertTrue(token.isCancelled());
    assertFalse(other.isCancelled());
    ends(Code.CANCELLED, TagOptions.DEFAULT.cancel(token)); // and those that get it later
    token.cancel();
    assertEquals(8, model.tag(List.of(Zoo.SENTENCE), TagOptions.DEFAULT.cancel(other)).get(0).tokens().size());
  }

  @Test
  void aCallRunsOutOfTime() {
    ends(Code.DEADLINE, TagOptions.DEFAULT.timeout(whole.dividedBy(50)));
    ends(Code.DEADLINE, TagOptions.DEFAULT.timeout(Duration.ZERO));
    ends(Code.DEADLINE, TagOptions.DEFAULT.timeout(Duration.ofSeconds(-1)).cancel(new CancelToken()));
    model.tag(List.of(Zoo.SENTENCE), TagOptions.DEFAULT.timeout(Duration.ofMinutes(1)));
  }

  @Test
  void otherCallsTooMayBeStopped() {
    CancelToken cancelled = new CancelToken();
    cancelled.cancel();
    Zoo.refused(Code.CANCELLED, "", () -> Align.align(Documents.texts(List.of("a")), Documents.texts(List.of("a")),
        AlignOptions.DEFAULT.cancel(cancelled)));
    try (Model scorer = Zoo.scorer()) {
      Exercise exercise = Exercise.of("the", "boy").track("en_es").user("ada");
      Zoo.refused(Code.CANCELLED, "", () -> scorer.score(List.of(exercise), ScoreOptions.DEFAULT.cancel(cancelled)));
      Zoo.refused(Code.DEADLINE, "", () -> scorer.score(List.of(exercise), ScoreOptions.DEFAULT.timeout(Duration.ZERO)));
      List<Answered> history = Collections.nCopies(9, exercise.answered(true, false));
      Zoo.refused(Code.CANCELLED, "", () -> scorer.adapt(history, null, LearnOptions.DEFAULT.cancel(cancelled)));
      Zoo.refused(Code.DEADLINE, "", () -> scorer.adapt(history, null, LearnOptions.DEFAULT.timeout(Duration.ZERO)));
    }
  }
}
