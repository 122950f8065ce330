package ai.libmtl;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/** What one task found in one document. */
public final class Tags {
  private final Tagged tagged;
  private final Tagged.Task task;
  private final int document;
  private final boolean known;

  Tags(Tagged tagged, Tagged.Task task, int document) {
    this.tagged = tagged;
    this.task = task;
    this.document = document;
    this.known = task.knows(document);
  }

  /** The task's name. */
  public String task() {
    return task.facts.name;
  }

  /** The labels of the document's tokens, one each; none where the task does not know the language. */
  public List<String> labels() {
    return known ? labels(task.label, tagged.firstToken(document), tagged.endToken(document)) : Collections.emptyList();
  }

  /** P(label | sentence) of each token, calibrated; none unless {@link TagOptions#scores} asked for them. */
  public float[] scores() {
    boolean there = known && task.score != null;
    return there ? Arrays.copyOfRange(task.score, tagged.firstToken(document), tagged.endToken(document)) : new float[0];
  }

  /** Spans in the order of the text; none where the task's labels are plain. */
  public List<Span> spans() {
    int first = task.spans[document];
    return Columns.list(task.spans[document + 1] - first, i -> span(first + i));
  }

  private Span span(int number) {
    int base = tagged.firstToken(document);
    Range range = new Range(task.spanStart[number], task.spanStop[number]);
    Range tokens = new Range(task.spanFirst[number] - base, task.spanEnd[number] - base);
    String label = task.facts.spanLabels.get(task.spanLabel[number]);
    return new Span(range, tokens, label, task.spanScore == null ? Float.NaN : task.spanScore[number]);
  }

  /** The best ways to label each sentence, the best first; none unless {@link TagOptions#nbest} asked for them. */
  public List<List<Alternative>> alternatives() {
    int first = tagged.sentences[document];
    boolean there = known && task.probability.length > 0;
    return Columns.list(there ? tagged.sentences[document + 1] - first : 0, i -> alternatives(first + i));
  }

  private List<Alternative> alternatives(int sentence) {
    int first = task.paths[sentence];
    return Columns.list(task.paths[sentence + 1] - first, i -> new Alternative(task.probability[first + i],
        labels(task.pathLabel, task.pathLabels[first + i], task.pathLabels[first + i + 1])));
  }

  private List<String> labels(int[] column, int from, int to) {
    return Columns.list(to - from, i -> task.facts.labels.get(column[from + i]));
  }

  @Override
  public String toString() {
    return task() + " " + (task.facts.spanLabels.isEmpty() ? labels() : spans());
  }
}
