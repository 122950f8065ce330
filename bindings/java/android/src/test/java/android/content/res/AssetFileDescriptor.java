package android.content.res;

import android.os.ParcelFileDescriptor;

/** Stands in for Android's. */
public class AssetFileDescriptor {
  public static int open;

  private final ParcelFileDescriptor file;
  private final long offset;
  private final long length;

  public AssetFileDescriptor(ParcelFileDescriptor file, long offset, long length) {
    this.file = file;
    this.offset = offset;
    this.length = length;
    open++;
  }

  public ParcelFileDescriptor getParcelFileDescriptor() {
    return file;
  }

  public long getStartOffset() {
    return offset;
  }

  public long getLength() {
    return length;
  }

  public void close() {
    open--;
  }
}
