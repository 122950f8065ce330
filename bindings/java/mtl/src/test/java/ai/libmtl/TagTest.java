package ai.libmtl;

import static ai.libmtl.Zoo.SENTENCE;
import static ai.libmtl.Zoo.closed;
import static ai.libmtl.Zoo.refused;
import static ai.libmtl.Zoo.tag;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class TagTest {
  private static final TagOptions ALL = TagOptions.DEFAULT.scores(true).nbest(3);
  private static Model model;

  @BeforeAll
  static void open() {
    model = Zoo.tagger();
  }

  @AfterAll
  static void close() {
    model.close();
  }

  @Test
  void aModelSaysWhatItIs() {
    assertTrue(model.tasks().containsAll(List.of("ner", "upos")), model.tasks().toString());
    assertTrue(model.languages().contains("da"));
    assertTrue(model.labels("upos").contains("NOUN"));
    assertTrue(model.spanLabels("ner").contains("PER"));
    assertTrue(model.spanLabels("upos").isEmpty());
    assertTrue(model.taskLanguages("ner").contains("en"));
    assertNotEquals(model.taskLanguages("ner"), model.languages());
    assertEquals(64, model.digest().length());
    assertTrue(model.manifest().contains("\"mtl-mobile\""));
    assertTrue(model.report().contains("\"native\""));
    refused(Code.ARGUMENT, "upos", () -> model.labels("nonesuch"));
  }

  @Test
  void namesScoresAndAlternatives() {
    Annotation document = tag(model, ALL, SENTENCE).get(0);
    assertNull(document.error());
    assertEquals("en", document.language());
    assertEquals(List.of(new Range(0, 8)), document.sentences());
    Tags ner = document.task("ner");
    assertEquals(8, ner.labels().size());
    assertEquals(8, ner.scores().length);
    Span place = ner.spans().stream().filter(span -> span.of(SENTENCE).equals("Copenhagen")).findFirst().orElseThrow();
    assertEquals("LOC 24..34", place.toString());
    assertEquals(new Range(4, 5), place.tokens());
    assertTrue(place.score() > 0 && place.score() <= 1, place.score() + "");
    List<Alternative> best = ner.alternatives().get(0);
    assertEquals(3, best.size());
    assertEquals(ner.labels(), best.get(0).labels());
    assertTrue(best.get(0).probability() > best.get(1).probability() && best.get(2).probability() > 0);
    assertEquals(List.of("ner", "upos"), List.of(document.tags().get(0).task(), document.tags().get(1).task()));
    assertThrows(IndexOutOfBoundsException.class, () -> ner.spans().get(ner.spans().size()));
  }

  @Test
  void whatWasNotAskedForIsNotThere() {
    Annotation document = tag(model, TagOptions.DEFAULT.tasks("upos"), SENTENCE).get(0);
    Tags upos = document.task("upos");
    assertEquals(0, upos.scores().length);
    assertTrue(upos.spans().isEmpty() && upos.alternatives().isEmpty());
    refused(Code.ARGUMENT, "was not asked for", () -> document.task("ner"));
    refused(Code.ARGUMENT, "choose among ner", () -> document.task("nonesuch"));
    assertTrue(Float.isNaN(tag(model, TagOptions.DEFAULT, SENTENCE).get(0).task("ner").spans().get(0).score()));
  }

  @Test
  void everyDocumentHasItsOwn() {
    String[] texts = {SENTENCE, "", "Vi bor i København.\r\n\r\nDet regner.", " \n", "a \ud83d b", SENTENCE};
    List<Annotation> documents = tag(model, ALL, texts);
    for (int i = 0; i < texts.length; i++) {
      assertEquals(Zoo.everything(tag(model, ALL, texts[i]).get(0)), Zoo.everything(documents.get(i)));
    }
    assertEquals("da", documents.get(2).language());
    assertEquals(2, documents.get(2).sentences().size());
    assertTrue(documents.get(1).tokens().isEmpty() && documents.get(1).tags().isEmpty() && documents.get(1).task("ner").spans().isEmpty());
    assertTrue(model.tag(List.of()).isEmpty());
  }

  @Test
  void aTaskThatDoesNotKnowALanguageHasNothing() {
    String unknown = model.languages().stream().filter(code -> !model.taskLanguages("ner").contains(code)).findFirst().orElseThrow();
    TagOptions options = TagOptions.DEFAULT.language(unknown);
    Annotation document = tag(model, options, SENTENCE).get(0);
    assertEquals(unknown, document.language());
    assertTrue(document.task("ner").labels().isEmpty() && document.task("ner").spans().isEmpty());
    assertEquals(1, document.tags().size());
    assertEquals(8, tag(model, options.zeroShot(true), SENTENCE).get(0).task("ner").labels().size());
  }

  @Test
  void wordsThatSomebodyElseHasCut() {
    List<List<String>> sentences = List.of(List.of("Maria", "Jensen", "moved", "from", "Copenhagen", "."), List.of(), List.of("a", ""),
        List.of("Zoë", "😀"), List.of("a", "b\udc00"));
    List<Annotation> documents = model.tag(Documents.tokens(sentences), TagOptions.DEFAULT.language("en"));
    String text = String.join("", sentences.get(0));
    for (int i = 0; i < 6; i++) {
      assertEquals(sentences.get(0).get(i), documents.get(0).tokens().get(i).of(text));
    }
    assertEquals("S-LOC", documents.get(0).task("ner").labels().get(4));
    assertNull(documents.get(1).error());
    assertTrue(documents.get(1).tokens().isEmpty());
    assertEquals("token 1", documents.get(2).error().place());
    assertEquals(List.of(new Range(0, 3), new Range(3, 5)), documents.get(3).tokens());
    assertEquals("token 1, UTF-16 unit 1", documents.get(4).error().place());
  }

  @Test
  void whatIsWrongIsNamed() {
    Object[][] cases = {
      {TagOptions.DEFAULT.tasks("ner", "nonesuch"), "nonesuch"},
      {TagOptions.DEFAULT.tasks("ner", "ner"), "twice"},
      {TagOptions.DEFAULT.language("xx"), "xx"},
      {TagOptions.DEFAULT.with("unit", "furlong"), "furlong"},
      {TagOptions.DEFAULT.nbest(101), "nbest"},
      {TagOptions.DEFAULT.with("colour", "red"), "colour"},
      {TagOptions.DEFAULT.with("engine", "native"), "engine"},
      {TagOptions.DEFAULT.with("language", "\ud83d"), "lone surrogate"},
    };
    for (Object[] one : cases) {
      refused(Code.ARGUMENT, (String) one[1], () -> tag(model, (TagOptions) one[0], SENTENCE));
    }
    MtlException error = refused(Code.ARGUMENT, "colour", () -> tag(model, TagOptions.DEFAULT.with("colour", "red")));
    assertTrue(!error.fault().isEmpty() && !error.remedy().isEmpty(), error.getMessage());
    assertThrows(NullPointerException.class, () -> model.tag(java.util.Arrays.asList(SENTENCE, null)));
    assertEquals(8, tag(model, ALL, SENTENCE).get(0).tokens().size());
  }

  @Test
  void optionsAreValues() {
    TagOptions named = TagOptions.DEFAULT.language("en");
    named.language("da").scores(true);
    assertEquals("{unit=utf16, language=en}", named.toString());
  }

  @Test
  void whatIsClosedSaysSo() {
    Bundle bundle = Bundle.open(Zoo.bundle("mtl-mobile"));
    Model own = Model.open(bundle, OpenOptions.DEFAULT);
    Model other = own.retain();
    Slot slot = new Slot(own);
    Pool pool = new Pool(0);
    bundle.close();
    own.close();
    own.close();
    closed("bundle", bundle::manifest);
    closed("bundle", () -> Model.open(bundle, OpenOptions.DEFAULT));
    closed("model", () -> own.tag(List.of(SENTENCE)));
    closed("model", () -> own.score(List.of()));
    closed("model", () -> own.adapt(List.of()));
    closed("model", own::retain);
    closed("model", () -> new Slot(own));
    closed("model", () -> slot.set(own));
    assertEquals(64, own.digest().length()); // what it said of itself stays
    assertEquals(8, other.tag(List.of(SENTENCE)).get(0).tokens().size());
    assertEquals(8, slot.tag(List.of(SENTENCE), TagOptions.DEFAULT).get(0).tokens().size());
    slot.close();
    slot.close();
    closed("slot", slot::get);
    closed("slot", () -> slot.set(other));
    pool.close();
    closed("pool", pool::trim);
    closed("pool", () -> Model.open(Zoo.bundle("mtl-mobile"), OpenOptions.DEFAULT.pool(pool)));
    other.close();
  }

  @Test
  void aSlotGetsAnotherModel() {
    try (Model scorer = Zoo.scorer(); Slot slot = new Slot(scorer)) {
      refused(Code.ARGUMENT, "scorer", () -> slot.tag(List.of(SENTENCE), TagOptions.DEFAULT));
      try (Model before = slot.get()) {
        slot.set(model);
        assertEquals(scorer.digest(), before.digest());
        assertEquals(1, before.score(List.of(Exercise.of("the").track("en_es"))).size());
      }
      assertEquals(8, slot.tag(List.of(SENTENCE), TagOptions.DEFAULT).get(0).tokens().size());
    }
  }

  @Test
  void modelsShareAPool() {
    refused(Code.ARGUMENT, "-1", () -> new Pool(-1));
    refused(Code.ARGUMENT, "1025", () -> new Pool(1025));
    Pool pool = new Pool(2);
    try (Model one = Model.open(Zoo.bundle("mtl-mobile"), OpenOptions.DEFAULT.pool(pool))) {
      pool.trim();
      pool.close();
      String[] many = java.util.Collections.nCopies(200, SENTENCE).toArray(new String[0]);
      String alone = Zoo.everything(tag(model, ALL, SENTENCE).get(0));
      tag(one, ALL, many).forEach(document -> assertEquals(alone, Zoo.everything(document)));
    }
  }
}
