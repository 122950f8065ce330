package android.os;

/** Stands in for Android's. */
public class ParcelFileDescriptor {
  private final int descriptor;

  public ParcelFileDescriptor(int descriptor) {
    this.descriptor = descriptor;
  }

  public int getFd() {
    return descriptor;
  }
}
