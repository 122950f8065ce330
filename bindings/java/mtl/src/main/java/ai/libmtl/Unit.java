package ai.libmtl;

/** What offsets count. */
public enum Unit {
  /** UTF-16 units, as {@link String} counts: the default. */
  UTF16("utf16"),
  /** Bytes of UTF-8. */
  BYTES("bytes"),
  /** Unicode code points, as {@link String#offsetByCodePoints} counts. */
  CODE_POINTS("codepoints");

  final String value;

  Unit(String value) {
    this.value = value;
  }
}
