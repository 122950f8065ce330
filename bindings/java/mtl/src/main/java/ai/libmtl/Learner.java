package ai.libmtl;

/**
 * What was learnt of one learner: the state of their session, a few hundred bytes to be stored. It does not change, belongs to the model
 * that it was fitted to, and has no memory of C's: there is nothing to close.
 */
public final class Learner {
  private final String user;
  private final long words;
  private final byte[] bytes;

  Learner(Object[] facts) {
    user = Native.text((byte[]) facts[0]);
    words = ((long[]) facts[1])[0];
    bytes = (byte[]) facts[2];
  }

  /** Reads what {@link #toBytes} gave; bytes of anything else are {@link Code#INPUT}. */
  public static Learner fromBytes(byte[] bytes) {
    NativeLibrary.ensure();
    return new Learner(Native.learnerLoad(bytes));
  }

  /** The learner: {@link Exercise#user} of those that are scored with it. */
  public String user() {
    return user;
  }

  /** How many answered words it was fitted to, over all calls. */
  public long words() {
    return words;
  }

  /** The bytes to store. */
  public byte[] toBytes() {
    return bytes.clone();
  }

  byte[] stored() {
    return bytes;
  }
}
