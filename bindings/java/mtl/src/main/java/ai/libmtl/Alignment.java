package ai.libmtl;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** Which words of a right sentence a learner got wrong: a view of the call's result. */
public final class Alignment {
  private final Table table;
  private final int pair;

  private Alignment(Table table, int pair) {
    this.table = table;
    this.pair = pair;
  }

  static List<Alignment> of(Object[] columns, Documents.Packed correct, Documents.Packed answers) {
    Table table = new Table(columns, new Errors(columns[10], answers.faults, correct.faults)); // C looks at the correct one first
    return Columns.list(table.rate.length, pair -> new Alignment(table, pair));
  }

  /** The columns of all pairs. */
  private static final class Table {
    final double[] rate;
    final int[] words;
    final int[] edits;
    final int[] start;
    final int[] end;
    final byte[] mistake;
    final byte[] kind;
    final int[] word;
    final int[] typedStart;
    final int[] typedEnd;
    final Errors errors;

    Table(Object[] columns, Errors errors) {
      this.errors = errors;
      rate = (double[]) columns[0];
      words = (int[]) columns[1];
      edits = (int[]) columns[2];
      start = (int[]) columns[3];
      end = (int[]) columns[4];
      mistake = (byte[]) columns[5];
      kind = (byte[]) columns[6];
      word = (int[]) columns[7];
      typedStart = (int[]) columns[8];
      typedEnd = (int[]) columns[9];
    }
  }

  /** Why the answer could not be aligned; null where it was. */
  public @Nullable MtlException error() {
    return table.errors.at(pair);
  }

  /** The same alignment, of an answer that was aligned; throws {@link #error()} otherwise. */
  public Alignment orThrow() {
    MtlException error = error();
    if (error != null) {
      throw error;
    }
    return this;
  }

  /** (substitutions + deletions + insertions) / words that take part; it may exceed 1, and is NaN with an error. */
  public double wordErrorRate() {
    return table.rate[pair];
  }

  /** The words of the right sentence; none with an error. */
  public List<Word> words() {
    int first = table.words[pair];
    return Columns.list(table.words[pair + 1] - first,
        i -> new Word(new Range(table.start[first + i], table.end[first + i]), table.mistake[first + i] != 0));
  }

  /**
   * The fewest edits that make the answer of the right sentence, in the order of the text. Words of which the options leave nothing,
   * such as full stops, take no part.
   */
  public List<Edit> edits() {
    int first = table.edits[pair];
    return Columns.list(table.edits[pair + 1] - first, i -> edit(first + i));
  }

  private Edit edit(int number) {
    Edit.Kind kind = Edit.Kind.of(table.kind[number]);
    int word = table.word[number] == Columns.NONE ? Columns.NONE : table.word[number] - table.words[pair];
    boolean typed = table.typedStart[number] != Columns.NONE;
    return new Edit(kind, word, typed ? new Range(table.typedStart[number], table.typedEnd[number]) : null);
  }

  /** A word of a right sentence. */
  public static final class Word {
    private final Range range;
    private final boolean mistake;

    Word(Range range, boolean mistake) {
      this.range = range;
      this.mistake = mistake;
    }

    /** Where it stands in the sentence, in the unit asked for. */
    public Range range() {
      return range;
    }

    /** Whether the learner got it wrong. */
    public boolean mistake() {
      return mistake;
    }

    @Override
    public String toString() {
      return range + (mistake ? " wrong" : " right");
    }
  }

  /** A step from the right sentence to the answer. */
  public static final class Edit {
    private final Kind kind;
    private final int word;
    private final @Nullable Range typed;

    Edit(Kind kind, int word, @Nullable Range typed) {
      this.kind = kind;
      this.word = word;
      this.typed = typed;
    }

    /** What a learner did to a word. */
    public enum Kind {
      /** The learner wrote it. */
      MATCH(0),
      /** The learner wrote another. */
      SUBSTITUTE(1),
      /** The learner left it out. */
      DELETE(2),
      /** The learner wrote one too many. */
      INSERT(3);

      private final int number;

      Kind(int number) {
        this.number = number;
      }

      static Kind of(int number) {
        for (Kind kind : values()) {
          if (kind.number == number) {
            return kind;
          }
        }
        throw new IllegalStateException("libmtl has a kind of edit that these classes do not know: " + number);
      }
    }

    /** What the learner did. */
    public Kind kind() {
      return kind;
    }

    /** The number of the right sentence's word; -1 for an insertion. */
    public int word() {
      return word;
    }

    /** Where the answer's word stands in it, in the unit asked for; null for a deletion. */
    public @Nullable Range typed() {
      return typed;
    }

    @Override
    public String toString() {
      return kind + " " + word + " " + typed;
    }
  }
}
