package ai.libmtl;

import java.util.AbstractList;
import java.util.List;
import java.util.RandomAccess;
import java.util.function.IntFunction;

/** What the columns of results are read with. */
final class Columns {
  /** In a column of labels: there is none. */
  static final int NONE = -1;

  private Columns() {}

  /** A list that makes its elements when it is asked for them. */
  static <T> List<T> list(int size, IntFunction<T> element) {
    return new View<>(size, element);
  }

  /** Ranges {@code first} to {@code end} of two columns, less {@code base}. */
  static List<Range> ranges(int[] start, int[] end, int from, int to, int base) {
    return list(to - from, i -> new Range(start[from + i] - base, end[from + i] - base));
  }

  /** Ranges that lie side by side: from each bound to the next, less {@code base}. */
  static List<Range> bounded(int[] bounds, int from, int to, int base) {
    return list(to - from, i -> new Range(bounds[from + i] - base, bounds[from + i + 1] - base));
  }

  /** Where the rows of each owner begin, and the end; {@code owner} has each row's, in order. */
  static int[] bounds(int[] owner, int owners) {
    int[] bounds = new int[owners + 1];
    for (int one : owner) {
      bounds[one + 1]++;
    }
    for (int i = 0; i < owners; i++) {
      bounds[i + 1] += bounds[i];
    }
    return bounds;
  }

  private static final class View<T> extends AbstractList<T> implements RandomAccess {
    private final int size;
    private final IntFunction<T> element;

    View(int size, IntFunction<T> element) {
      this.size = size;
      this.element = element;
    }

    @Override
    public T get(int index) {
      if (index < 0 || index >= size) {
        throw new IndexOutOfBoundsException("index " + index + " of " + size);
      }
      return element.apply(index);
    }

    @Override
    public int size() {
      return size;
    }
  }
}
