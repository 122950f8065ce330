package ai.libmtl;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetEncoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.util.Arrays;

/**
 * Strings as C takes them: UTF-8, one behind the other, and where each begins.
 *
 * <p>A lone surrogate is no text, and is not made one in silence ({@code String.getBytes} writes a question mark). It becomes U+FFFD
 * where that was asked for, one UTF-16 unit like itself, so that offsets stay right; or the three bytes that UTF-8 forbids, by which C
 * knows that the document is at fault.
 */
final class Utf8 {
  private static final int MOST = Integer.MAX_VALUE - 8;

  private final CharsetEncoder encoder = encoder();
  private final boolean replace;
  private ByteBuffer out = ByteBuffer.allocate(256);
  private long[] offsets;
  private int count;

  /** For about so many strings. */
  Utf8(int strings, boolean replace) {
    this.offsets = new long[strings + 1];
    this.replace = replace;
  }

  private static CharsetEncoder encoder() {
    return UTF_8.newEncoder().onMalformedInput(CodingErrorAction.REPORT).onUnmappableCharacter(CodingErrorAction.REPORT);
  }

  /** Adds a string. Gives where its first lone surrogate is that was not replaced; -1 for none. */
  int add(String text) {
    CharBuffer in = CharBuffer.wrap(text);
    int lone = -1;
    encoder.reset();
    CoderResult result = encoder.encode(in, out, true);
    while (!result.isUnderflow()) {
      if (result.isOverflow()) {
        grow(in.remaining());
      } else {
        lone = lone < 0 && !replace ? in.position() : lone;
        surrogate(in.get());
      }
      result = encoder.encode(in, out, true);
    }
    end();
    return lone;
  }

  /** Adds bytes as they are. */
  void add(byte[] utf8) {
    if (out.remaining() < utf8.length) {
      grow(utf8.length);
    }
    out.put(utf8);
    end();
  }

  private void surrogate(char unit) {
    if (out.remaining() < 3) {
      grow(3);
    }
    char written = replace ? '\ufffd' : unit;
    out.put((byte) (0xe0 | written >> 12)).put((byte) (0x80 | written >> 6 & 0x3f)).put((byte) (0x80 | written & 0x3f));
  }

  private void grow(int wanted) {
    long size = Math.max(2L * out.capacity(), (long) out.position() + Math.max(wanted, 16));
    if (out.capacity() == MOST) {
      throw new MtlException(Code.LIMIT.number(), "the call has more than 2 GiB of text; pass fewer documents a call", "",
          "the call has more than 2 GiB of text", "pass fewer documents a call");
    }
    out = ByteBuffer.allocate((int) Math.min(size, MOST)).put(out.array(), 0, out.position());
  }

  private void end() {
    if (++count == offsets.length) {
      offsets = Arrays.copyOf(offsets, 2 * offsets.length);
    }
    offsets[count] = out.position();
  }

  /** How many strings there are. */
  int count() {
    return count;
  }

  /** The bytes of all, and some that are none's. */
  byte[] data() {
    return out.array();
  }

  /** Where each string begins, and the end. */
  long[] offsets() {
    return Arrays.copyOf(offsets, count + 1);
  }

  /** The bytes of one string, which {@code what} is; a lone surrogate is an error. */
  static byte[] strict(String what, String text) {
    Utf8 all = new Utf8(1, false);
    int lone = all.add(text);
    if (lone >= 0) {
      throw MtlException.argument(what + " has a lone surrogate at UTF-16 unit " + lone, "pass text that is Unicode");
    }
    return Arrays.copyOf(all.data(), (int) all.offsets[1]);
  }
}
