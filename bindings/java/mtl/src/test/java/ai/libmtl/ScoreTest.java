package ai.libmtl;

import static ai.libmtl.Zoo.refused;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class ScoreTest {
  private static Model model;

  @BeforeAll
  static void open() {
    model = Zoo.scorer();
  }

  @AfterAll
  static void close() {
    model.close();
  }

  @Test
  void everyExerciseHasItsOwn() {
    Exercise known = Exercise.of("the", "boy").track("en_es").user("nobody knows me").countries("CO", "US").days(2.5)
        .time(Duration.ofSeconds(9)).client("web").session("lesson").format("listen");
    List<Exercise> exercises = List.of(known, Exercise.of().track("en_es"), Exercise.of("a").track("xx_yy"),
        Exercise.of("a", "bad \ud83d").track("en_es"), Exercise.of("a").track("en_es").days(Double.NaN),
        Exercise.of("a").track("en_es").user("\ude00"));
    List<Scored> scored = model.score(exercises);
    Code[] codes = {null, null, Code.ARGUMENT, Code.INPUT, Code.INPUT, Code.INPUT};
    for (int i = 0; i < codes.length; i++) {
      MtlException error = scored.get(i).error();
      assertEquals(codes[i], error == null ? null : error.code(), i + ": " + error);
    }
    assertEquals("word 1, UTF-16 unit 4", scored.get(3).error().place());
    assertEquals("user, UTF-16 unit 0", scored.get(5).error().place());
    refused(Code.INPUT, "lone surrogate", () -> scored.get(3).mistakes());
    assertEquals(0, scored.get(1).mistakes().length);
    float[] alone = model.score(List.of(known)).get(0).mistakes();
    float[] calibrated = model.score(List.of(known), ScoreOptions.DEFAULT.calibrated(true)).get(0).mistakes();
    assertArrayEquals(alone, scored.get(0).mistakes());
    assertEquals(2, alone.length);
    for (int i = 0; i < alone.length; i++) {
      assertTrue(alone[i] > 0 && alone[i] < 1 && calibrated[i] < alone[i], Arrays.toString(alone));
    }
    assertTrue(model.score(List.of()).isEmpty());
  }

  @Test
  void whatIsKnownOfAnExerciseCounts() {
    Exercise bare = Exercise.of("the", "boy").track("en_es");
    List<Exercise> others = List.of(bare.client("ios"), bare.session("practice"), bare.format("listen"), bare.countries("US"),
        bare.days(30), bare.time(Duration.ofSeconds(60)), bare.user("learner-1"));
    float base = model.score(List.of(bare)).get(0).mistakes()[0];
    long moved = model.score(others).stream().filter(scored -> scored.mistakes()[0] != base).count();
    assertTrue(moved >= 4, moved + " of 7 change the score");
  }

  @Test
  void aTaggerScoresNothing() {
    try (Model tagger = Zoo.tagger()) {
      refused(Code.ARGUMENT, "scorer", () -> tagger.score(List.of(Exercise.of("a"))));
      refused(Code.ARGUMENT, "scorer", () -> tagger.score(List.of()));
    }
    refused(Code.ARGUMENT, "scorer", () -> model.tag(List.of("a")));
    refused(Code.ARGUMENT, "unit", () -> model.score(List.of(), ScoreOptions.DEFAULT.with("unit", "bytes")));
  }

  private static List<Answered> answers(String user, int count, boolean mistake) {
    return new ArrayList<>(Collections.nCopies(count, Exercise.of("the", "boy").track("en_es").user(user).answered(mistake, mistake)));
  }

  @Test
  void aLearnerIsFittedStoredAndScored() {
    List<Exercise> one = List.of(answers("ada", 1, false).get(0).exercise());
    Learner good = model.adapt(answers("ada", 9, false));
    Learner bad = model.adapt(answers("ada", 9, true));
    float unknown = model.score(one).get(0).mistakes()[0];
    float better = model.score(one, ScoreOptions.DEFAULT.learners(good)).get(0).mistakes()[0];
    assertTrue(better < unknown, better + ", " + unknown);
    assertTrue(model.score(one, ScoreOptions.DEFAULT.learners(bad)).get(0).mistakes()[0] > unknown);
    assertTrue(model.score(one, ScoreOptions.DEFAULT.learners(good).calibrated(true)).get(0).mistakes()[0] < better);
    byte[] stored = good.toBytes();
    assertTrue(stored.length > 100 && stored.length < 1000, stored.length + " bytes");
    Learner again = Learner.fromBytes(stored);
    assertEquals("ada 18", again.user() + " " + again.words());
    assertEquals(better, model.score(one, ScoreOptions.DEFAULT.learners(again)).get(0).mistakes()[0]);
    assertEquals(36, model.adapt(answers("ada", 9, true), again, LearnOptions.DEFAULT).words());
    refused(Code.INPUT, "", () -> Learner.fromBytes(Arrays.copyOfRange(stored, 1, stored.length)));
    refused(Code.INPUT, "", () -> Learner.fromBytes(new byte[0]));
  }

  @Test
  void whatCannotBeLearntIsRefused() {
    List<Answered> good = answers("ada", 2, true);
    List<Answered> two = answers("eve", 1, true);
    two.addAll(good);
    Learner bob = model.adapt(answers("bob", 1, true));
    refused(Code.ARGUMENT, "", () -> model.adapt(List.of()));
    refused(Code.ARGUMENT, "", () -> model.adapt(two));
    refused(Code.ARGUMENT, "", () -> model.adapt(good, bob, LearnOptions.DEFAULT));
    refused(Code.ARGUMENT, "", () -> model.remember(good, null, LearnOptions.DEFAULT));
    refused(Code.ARGUMENT, "exercise 1 has 2 words and 1 mistakes",
        () -> model.adapt(List.of(good.get(0), good.get(0).exercise().answered(true))));
    refused(Code.INPUT, "exercise 1, word 0, UTF-16 unit 1",
        () -> model.adapt(List.of(good.get(0), Exercise.of("a\ud83d").track("en_es").user("ada").answered(true))));
    refused(Code.ARGUMENT, "", () -> model.score(List.of(), ScoreOptions.DEFAULT.learners(bob, bob)));
    try (Model tagger = Zoo.tagger()) {
      refused(Code.ARGUMENT, "", () -> tagger.adapt(good));
    }
    assertNull(model.score(List.of(good.get(0).exercise())).get(0).error());
  }

  @Test
  void answersAreAligned() {
    Alignment found = Align.align(List.of("I love my mother."), List.of("I love mader")).get(0).orThrow();
    assertEquals("[0..1 right, 2..6 right, 7..9 wrong, 10..16 wrong, 16..17 right]", found.words().toString());
    assertEquals(0.5, found.wordErrorRate());
    assertEquals("[MATCH 0 0..1, MATCH 1 2..6, DELETE 2 null, SUBSTITUTE 3 7..12]", found.edits().toString());
    AlignOptions strict = AlignOptions.DEFAULT.matchCase(true).punctuation(true).accents(true);
    assertEquals(0, Align.align(List.of("Sí, yes."), List.of("si yes")).get(0).wordErrorRate());
    assertEquals(3, Align.align(Documents.tokens(List.of(List.of("Sí", "well-known", "No"))),
        Documents.tokens(List.of(List.of("Si", "wellknown", "no"))), strict).get(0).words().stream().filter(Alignment.Word::mistake)
        .count());
    List<Alignment> two = Align.align(List.of("a b", "a\ud83d", "a"), List.of("a \ude00", "a", "b"));
    assertEquals("UTF-16 unit 2", two.get(0).error().place());
    assertEquals("UTF-16 unit 1", two.get(1).error().place());
    assertTrue(Double.isNaN(two.get(0).wordErrorRate()) && two.get(0).words().isEmpty() && two.get(0).edits().isEmpty());
    refused(Code.INPUT, "lone surrogate", () -> two.get(0).orThrow());
    assertEquals(1, two.get(2).wordErrorRate());
    assertNull(Align.align(Documents.texts(List.of("a")), Documents.texts(List.of("\ude00")), AlignOptions.DEFAULT.replaceInvalid(true))
        .get(0).error());
    refused(Code.ARGUMENT, "", () -> Align.align(List.of("a", "b"), List.of("a")));
    refused(Code.ARGUMENT, "colour",
        () -> Align.align(Documents.texts(List.of()), Documents.texts(List.of()), AlignOptions.DEFAULT.with("colour", "red")));
  }
}
