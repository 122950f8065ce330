package ai.libmtl;

import java.nio.ByteBuffer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Documents for {@link Model#tag} and {@link Align}: running text, or words that somebody else has cut. They are read by the call. */
public final class Documents {
  private final Source source;

  private Documents(Source source) {
    this.source = source;
  }

  /** How the documents become bytes. */
  private interface Source {
    Packed pack(boolean replace);
  }

  /** Documents as C takes them, and the errors of those in which Java has found a lone surrogate. */
  static final class Packed {
    private final @Nullable Object[] parts;
    final Errors.Faults faults;

    Packed(byte @Nullable [] data, @Nullable ByteBuffer direct, long[] offsets, long @Nullable [] first, Errors.Faults faults) {
      this.parts = new @Nullable Object[] {data, direct, offsets, first};
      this.faults = faults;
    }

    @Nullable Object[] parts() {
      return parts;
    }
  }

  /** Documents of running text. */
  public static Documents texts(List<String> texts) {
    return new Documents(replace -> {
      Utf8 all = new Utf8(texts.size(), replace);
      Errors.Faults faults = new Errors.Faults();
      for (String text : texts) {
        faults.note(all.count(), "", text, all.add(text));
      }
      return new Packed(all.data(), null, all.offsets(), null, faults);
    });
  }

  /** Documents of one sentence each, whose words somebody else has cut. Offsets count in the words' concatenation. */
  public static Documents tokens(List<? extends List<String>> sentences) {
    return new Documents(replace -> {
      Utf8 all = new Utf8(0, replace);
      long[] first = new long[sentences.size() + 1];
      Errors.Faults faults = new Errors.Faults();
      int document = 0;
      for (List<String> sentence : sentences) {
        int token = 0;
        for (String word : sentence) {
          faults.note(document, "token " + token++ + ", ", word, all.add(word));
        }
        first[++document] = all.count();
      }
      return new Packed(all.data(), null, all.offsets(), first, faults);
    });
  }

  /** Documents of running text in UTF-8. Choose {@link Unit#BYTES} where offsets are to count in them. */
  public static Documents utf8(List<byte[]> texts) {
    return new Documents(replace -> {
      Utf8 all = new Utf8(texts.size(), replace);
      for (byte[] text : texts) {
        all.add(text);
      }
      return new Packed(all.data(), null, all.offsets(), null, new Errors.Faults());
    });
  }

  /**
   * Documents of running text in UTF-8 that lie one behind the other, as columnar formats keep them: document {@code i} has the bytes
   * {@code offsets[i]} to {@code offsets[i + 1]}, counted from the buffer's position. A direct buffer is read where it lies.
   */
  public static Documents packed(ByteBuffer data, long... offsets) {
    if (offsets.length == 0) {
      throw MtlException.argument("there are no offsets", "pass one more than there are documents");
    }
    return new Documents(replace -> {
      ByteBuffer bytes = data.slice();
      if (bytes.isDirect()) {
        return new Packed(null, bytes, offsets, null, new Errors.Faults());
      }
      byte[] copy = new byte[bytes.remaining()];
      bytes.get(copy);
      return new Packed(copy, null, offsets, null, new Errors.Faults());
    });
  }

  Packed pack(boolean replace) {
    return source.pack(replace);
  }
}
