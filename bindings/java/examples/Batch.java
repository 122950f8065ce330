import static java.nio.charset.StandardCharsets.UTF_8;

import ai.libmtl.Annotation;
import ai.libmtl.Documents;
import ai.libmtl.Model;
import ai.libmtl.MtlException;
import ai.libmtl.Span;
import ai.libmtl.TagOptions;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.StringJoiner;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Tags standard input, a document a line in UTF-8, as a service would: many documents a call, several calls at once, an error of one
 * document no error of the others. Prints a JSON object a document, in order: {@code java -cp JARS Batch.java BUNDLE < TEXTS > TAGS}.
 */
class Batch {
  private static final int DOCUMENTS_A_CALL = 256;

  public static void main(String[] arguments) throws IOException, InterruptedException {
    if (arguments.length != 1) {
      System.err.println("usage: java -cp JARS Batch.java BUNDLE < TEXTS > TAGS");
      System.exit(2);
    }
    int calls = Runtime.getRuntime().availableProcessors();
    ExecutorService threads = Executors.newFixedThreadPool(calls);
    try (Model model = Model.open(Path.of(arguments[0])); PrintStream output = new PrintStream(System.out, false, UTF_8)) {
      InputStream input = new BufferedInputStream(System.in);
      Queue<Future<String>> running = new ArrayDeque<>(); // in the order of the input
      for (List<byte[]> texts = lines(input); !texts.isEmpty(); texts = lines(input)) {
        List<byte[]> documents = texts;
        running.add(threads.submit(() -> tag(model, documents)));
        if (running.size() > calls) {
          output.print(running.remove().get());
        }
      }
      while (!running.isEmpty()) {
        output.print(running.remove().get());
      }
    } catch (MtlException error) {
      System.err.println(error.getMessage());
      System.exit(1);
    } catch (ExecutionException failed) {
      System.err.println(failed.getCause().getMessage());
      System.exit(1);
    } finally {
      threads.shutdown();
    }
  }

  /** The next lines, without what ends them; none at the end. */
  private static List<byte[]> lines(InputStream input) throws IOException {
    List<byte[]> lines = new ArrayList<>();
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    while (lines.size() < DOCUMENTS_A_CALL) {
      int next = input.read();
      if (next == '\n' || next < 0 && line.size() > 0) {
        lines.add(line.toByteArray());
        line.reset();
      } else if (next >= 0) {
        line.write(next);
      }
      if (next < 0) {
        break;
      }
    }
    return lines;
  }

  private static String tag(Model model, List<byte[]> texts) {
    StringBuilder out = new StringBuilder();
    List<Annotation> documents = model.tag(Documents.utf8(texts), TagOptions.DEFAULT);
    for (int i = 0; i < texts.size(); i++) {
      out.append(json(documents.get(i), new String(texts.get(i), UTF_8))).append('\n');
    }
    return out.toString();
  }

  private static String json(Annotation document, String text) {
    if (document.error() != null) {
      return "{\"error\":" + quoted(document.error().getMessage()) + "}";
    }
    StringJoiner names = new StringJoiner(",", "[", "]");
    for (Span span : document.task("ner").spans()) {
      names.add("{\"start\":" + span.start() + ",\"end\":" + span.end() + ",\"label\":" + quoted(span.label()) + ",\"text\":"
          + quoted(span.of(text)) + "}");
    }
    StringJoiner upos = new StringJoiner(",", "[", "]");
    document.task("upos").labels().forEach(label -> upos.add(quoted(label)));
    return "{\"language\":" + quoted(document.language()) + ",\"names\":" + names + ",\"upos\":" + upos + "}";
  }

  private static String quoted(String text) {
    StringBuilder out = new StringBuilder("\"");
    for (char unit : text.toCharArray()) {
      out.append(unit == '"' || unit == '\\' ? "\\" + unit : unit < ' ' ? String.format("\\u%04x", (int) unit) : unit);
    }
    return out.append('"').toString();
  }
}
