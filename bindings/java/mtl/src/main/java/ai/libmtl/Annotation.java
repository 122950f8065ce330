package ai.libmtl;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What was found in one document: a view of the call's result. Those of a call share memory: who keeps one keeps all. */
public final class Annotation {
  private final Tagged tagged;
  private final int document;

  Annotation(Tagged tagged, int document) {
    this.tagged = tagged;
    this.document = document;
  }

  /** Why the document could not be tagged; null where it was. */
  public @Nullable MtlException error() {
    return tagged.errors.at(document);
  }

  /** The same annotation, of a document that was tagged; throws {@link #error()} otherwise. */
  public Annotation orThrow() {
    MtlException error = error();
    if (error != null) {
      throw error;
    }
    return this;
  }

  /** The document's language, an ISO 639-1 code; empty with an error. */
  public String language() {
    int language = tagged.language[document];
    return language == Columns.NONE ? "" : tagged.facts.languages.get(language);
  }

  /** Where its tokens stand in the text, in the unit asked for; none with an error. */
  public List<Range> tokens() {
    return Columns.ranges(tagged.start, tagged.end, tagged.firstToken(document), tagged.endToken(document), 0);
  }

  /** Its sentences, as ranges of tokens. */
  public List<Range> sentences() {
    return Columns.bounded(tagged.tokens, tagged.sentences[document], tagged.sentences[document + 1], tagged.firstToken(document));
  }

  /**
   * What each task found, in the model's order: of the tasks asked for, those that know the language. A document without tokens has
   * none.
   */
  public List<Tags> tags() {
    List<Tags> all = new ArrayList<>();
    for (Tagged.Task task : tagged.tasks) {
      if (task != null && task.knows(document)) {
        all.add(new Tags(tagged, task, document));
      }
    }
    return all;
  }

  /**
   * What the task of this name found; nothing where it does not know the document's language. Throws {@link #error()} where there is
   * one, and {@link Code#ARGUMENT} for a task that the model does not have, or that was not asked for.
   */
  public Tags task(String name) {
    orThrow();
    Tagged.Task task = tagged.tasks[tagged.facts.find(name)];
    if (task == null) {
      throw MtlException.argument("the task \"" + name + "\" was not asked for", "name it in TagOptions.tasks");
    }
    return new Tags(tagged, task, document);
  }

  @Override
  public String toString() {
    return error() != null ? "error: " + error() : language() + " " + tags();
  }
}
