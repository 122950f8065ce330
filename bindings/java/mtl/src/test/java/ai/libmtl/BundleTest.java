package ai.libmtl;

import static ai.libmtl.Zoo.bundle;
import static ai.libmtl.Zoo.refused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.FileDescriptor;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfEnvironmentVariable;
import org.junit.jupiter.api.io.TempDir;

class BundleTest {
  private static final BundleOptions TRUSTED = BundleOptions.DEFAULT.trusted(true);
  @TempDir static Path folder;
  private static Path archive;
  private static byte[] bytes;
  private static String digest;

  @BeforeAll
  static void open() throws Exception {
    archive = Zoo.archive(folder, "mtl-mobile");
    bytes = Files.readAllBytes(archive);
    try (Bundle own = Bundle.open(bundle("mtl-mobile"))) {
      digest = own.digest();
      assertTrue(own.manifest().contains("\"mtl-mobile\""));
    }
  }

  /** A bundle that opens and tags. */
  private static void works(Bundle opened) {
    assertEquals(digest, opened.digest());
    try (Model model = Model.open(opened, OpenOptions.DEFAULT)) {
      opened.close();
      assertEquals(8, model.tag(List.of(Zoo.SENTENCE)).get(0).tokens().size());
      assertEquals(digest, model.digest());
    }
  }

  private static ByteBuffer direct(byte[] from) {
    return ByteBuffer.allocateDirect(from.length + 100).position(50).put(from).flip().position(50);
  }

  @Test
  void fromPathsBytesAndBuffers() {
    works(Bundle.open(archive));
    works(Bundle.open(bundle("mtl-mobile"), TRUSTED));
    byte[] copy = bytes.clone();
    Bundle copied = Bundle.open(copy);
    Arrays.fill(copy, (byte) 0);
    works(copied);
    works(Bundle.open(ByteBuffer.wrap(bytes), BundleOptions.DEFAULT));
    works(Bundle.open(direct(bytes), BundleOptions.DEFAULT));
    works(Bundle.open(direct(bytes).asReadOnlyBuffer(), TRUSTED));
    refused(Code.ARGUMENT, "heap", () -> Bundle.open(ByteBuffer.wrap(bytes), TRUSTED));
    for (byte[] broken : List.of(new byte[0], Arrays.copyOf(bytes, 512))) {
      refused(Code.BUNDLE, "", () -> Bundle.open(broken));
      refused(Code.BUNDLE, "", () -> Bundle.open(direct(broken), BundleOptions.DEFAULT));
    }
  }

  /** A trusted buffer is read where it lies: it must live as long as the model, though nobody else holds on to it. */
  @Test
  void aTrustedBufferLivesAsLongAsItsModels() throws InterruptedException {
    Model model;
    try (Bundle opened = Bundle.open(direct(bytes), TRUSTED); Model first = Model.open(opened, OpenOptions.DEFAULT)) {
      model = first.retain();
    }
    for (int i = 0; i < 20; i++) {
      System.gc();
      ByteBuffer.allocateDirect(bytes.length).put(new byte[bytes.length]);
      Thread.sleep(5);
    }
    try (model; Model other = Zoo.tagger()) {
      String wanted = Zoo.everything(other.tag(List.of(Zoo.SENTENCE)).get(0));
      assertEquals(wanted, Zoo.everything(model.tag(List.of(Zoo.SENTENCE)).get(0)));
    }
  }

  @Test
  void fromAPartOfAnOpenFile() throws Exception {
    Path asset = folder.resolve("app.apk"); // as an asset lies in an Android package
    Files.write(asset, new byte[333]);
    Files.write(asset, bytes, java.nio.file.StandardOpenOption.APPEND);
    Files.write(asset, new byte[99], java.nio.file.StandardOpenOption.APPEND);
    try (RandomAccessFile file = new RandomAccessFile(asset.toFile(), "r")) {
      Bundle opened = Bundle.open(file.getFD(), 333, bytes.length, BundleOptions.DEFAULT);
      file.seek(1);
      works(opened);
      works(Bundle.open(number(asset), 333, bytes.length, BundleOptions.DEFAULT));
      refused(Code.BUNDLE, "", () -> Bundle.open(file.getFD(), 334, bytes.length, BundleOptions.DEFAULT));
      refused(Code.ARGUMENT, "offset -1", () -> Bundle.open(file.getFD(), -1, bytes.length, BundleOptions.DEFAULT));
      refused(Code.ARGUMENT, "-2 bytes", () -> Bundle.open(file.getFD(), 0, -2, BundleOptions.DEFAULT));
    }
    refused(Code.ARGUMENT, "closed", () -> Bundle.open(new FileDescriptor(), 0, 10, BundleOptions.DEFAULT));
    refused(Code.IO, "", () -> Bundle.open(987_654, 0, 10, BundleOptions.DEFAULT));
  }

  /** The number of the descriptor of a file that is open. */
  private static int number(Path file) throws IOException {
    try (var all = Files.list(Path.of("/proc/self/fd"))) {
      return all.filter(one -> one.toFile().exists() && sameFile(one, file)).mapToInt(one -> Integer.parseInt(one.getFileName().toString()))
          .findFirst().orElseThrow();
    }
  }

  private static boolean sameFile(Path one, Path other) {
    try {
      return Files.isSameFile(one, other);
    } catch (IOException closed) {
      return false;
    }
  }

  @Test
  void whatIsWrongIsNamed() throws Exception {
    String empty = hex(MessageDigest.getInstance("SHA-256").digest("{}".getBytes()));
    Path broken = bundleOf("broken", "{}", empty);
    Path other = bundleOf("other", "{ }", empty);
    refused(Code.IO, "no/such/bundle", () -> Model.open(Path.of("no/such/bundle")));
    refused(Code.BUNDLE, broken.toString(), () -> Model.open(broken));
    refused(Code.INTEGRITY, other.toString(), () -> Model.open(other));
    refused(Code.ARGUMENT, "colour", () -> Bundle.open(archive, BundleOptions.DEFAULT.with("colour", "red")));
    refused(Code.ARGUMENT, "colour", () -> Bundle.open(direct(bytes), BundleOptions.DEFAULT.with("colour", "red")));
    Object[][] cases = {
      {OpenOptions.DEFAULT.engine("abacus"), "abacus"},
      {OpenOptions.DEFAULT.threads(-1), "threads"},
      {OpenOptions.DEFAULT.kernel("abacus"), "kernel"},
      {OpenOptions.DEFAULT.graph("fused"), "fused graph"},
      {OpenOptions.DEFAULT.wordCache(-1), "word_cache"},
      {OpenOptions.DEFAULT.engine("onnx").providers("cuda?", "abacus"), "abacus"},
      {OpenOptions.DEFAULT.gpu(0), "gpu_device"},
      {OpenOptions.DEFAULT.gpuMemory(1), "gpu_memory"},
      {OpenOptions.DEFAULT.tensorRtCache("nowhere"), "tensorrt_cache"},
      {OpenOptions.DEFAULT.tensorRtFp16(true), "tensorrt_fp16"},
      {OpenOptions.DEFAULT.kernelCache("nowhere"), "kernel_cache"},
      {OpenOptions.DEFAULT.vectors("nowhere"), "vectors is for a scorer"},
      {OpenOptions.DEFAULT.with("colour", "red"), "colour"},
      {OpenOptions.DEFAULT.with("tasks", "ner"), "tasks"},
    };
    for (Object[] one : cases) {
      refused(Code.ARGUMENT, (String) one[1], () -> Model.open(bundle("mtl-mobile"), (OpenOptions) one[0]).close());
    }
    refused(Code.IO, "nowhere", () -> Model.open(bundle("sla-demo"), OpenOptions.DEFAULT.vectors("nowhere")));
    OpenOptions onnx = OpenOptions.DEFAULT.engine("onnx").onnxRuntime("no/such/library.so").acceptTelemetry(true);
    refused(Code.ENGINE, "no/such/library.so", () -> Model.open(bundle("mtl-mobile"), onnx));
    OpenOptions plain = OpenOptions.DEFAULT.engine("native").graph("portable").kernel("generic").threads(0).wordCache(0);
    Model.open(bundle("mtl-mobile"), plain).close();
  }

  @Test
  @EnabledIfEnvironmentVariable(named = "ORT_DYLIB_PATH", matches = ".+")
  void onnxRuntimeGivesTheSame() {
    OpenOptions onnx = OpenOptions.DEFAULT.engine("onnx").onnxRuntime(System.getenv("ORT_DYLIB_PATH")).providers("cuda?", "cpu");
    try (Model model = Model.open(bundle("mtl-mobile"), onnx); Model own = Zoo.tagger()) {
      assertTrue(model.report().contains("\"engine\":\"onnx\""), model.report());
      String wanted = Zoo.everything(own.tag(List.of(Zoo.SENTENCE)).get(0));
      assertEquals(wanted, Zoo.everything(model.tag(List.of(Zoo.SENTENCE)).get(0)));
    }
  }

  private static Path bundleOf(String name, String manifest, String digest) throws IOException {
    Path made = Files.createDirectory(folder.resolve(name));
    Files.writeString(made.resolve("bundle.json"), manifest);
    Files.writeString(made.resolve("bundle.sha256"), digest + "  bundle.json\n");
    return made;
  }

  private static String hex(byte[] bytes) {
    StringBuilder text = new StringBuilder();
    for (byte one : bytes) {
      text.append(String.format("%02x", one));
    }
    return text.toString();
  }
}
