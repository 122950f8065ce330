package ai.libmtl;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** The columns of a result: what its annotations are views of. */
final class Tagged {
  final Facts facts;
  /** The number of each document's language; {@link Columns#NONE} with an error. */
  final int[] language;
  /** The first sentence of each document, and the end; the first token of each sentence, and the end. */
  final int[] sentences;
  final int[] tokens;
  final int[] start;
  final int[] end;
  final Errors errors;
  /** What each task of the model found; null where it was not asked for. */
  final @Nullable Task[] tasks;

  Tagged(Facts facts, Object[] columns, Documents.Packed documents) {
    this.facts = facts;
    language = (int[]) columns[0];
    sentences = (int[]) columns[1];
    start = (int[]) columns[2];
    end = (int[]) columns[3];
    tokens = (int[]) columns[4];
    errors = new Errors(columns[5], documents.faults);
    Object[] found = (Object[]) columns[6];
    tasks = new Task[found.length];
    for (int i = 0; i < found.length; i++) {
      tasks[i] = found[i] == null ? null : new Task(facts.tasks.get(i), (Object[]) found[i]);
    }
  }

  List<Annotation> annotations() {
    return Columns.list(language.length, document -> new Annotation(this, document));
  }

  int firstToken(int document) {
    return tokens[sentences[document]];
  }

  int endToken(int document) {
    return tokens[sentences[document + 1]];
  }

  /** The columns of one task. */
  final class Task {
    final Facts.Task facts;
    final int[] label;
    final float @Nullable [] score;
    final int[] spanFirst;
    final int[] spanEnd;
    final int[] spanStart;
    final int[] spanStop;
    final int[] spanLabel;
    final float @Nullable [] spanScore;
    final double[] probability;
    final int[] pathLabels;
    final int[] pathLabel;
    /** The first span of each document, and the end; the first path of each sentence, and the end. */
    final int[] spans;
    final int[] paths;

    Task(Facts.Task facts, Object[] columns) {
      this.facts = facts;
      label = (int[]) columns[0];
      score = (float[]) columns[1];
      spans = Columns.bounds((int[]) columns[2], language.length);
      spanFirst = (int[]) columns[3];
      spanEnd = (int[]) columns[4];
      spanStart = (int[]) columns[5];
      spanStop = (int[]) columns[6];
      spanLabel = (int[]) columns[7];
      spanScore = (float[]) columns[8];
      paths = Columns.bounds((int[]) columns[9], tokens.length - 1);
      probability = (double[]) columns[10];
      pathLabels = (int[]) columns[11];
      pathLabel = (int[]) columns[12];
    }

    /** Whether the task knows the document's language; it labels nothing of one without tokens. */
    boolean knows(int document) {
      int first = firstToken(document);
      return first < endToken(document) && label[first] != Columns.NONE;
    }
  }
}
