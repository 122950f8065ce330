/**
 * libmtl tags text with names, parts of speech and other labels, and predicts which words a language learner gets wrong.
 *
 * <pre>{@code
 * List<String> texts = List.of("Maria Jensen moved from Copenhagen to Toronto.");
 * try (Model model = Model.open(Path.of("models/mtl-base"))) {
 *   for (Annotation document : model.tag(texts)) {
 *     for (Span span : document.task("ner").spans()) {
 *       System.out.println(span.label() + " " + span.start() + " " + span.end());
 *     }
 *   }
 * }
 * }</pre>
 *
 * <p>Offsets are half-open and count UTF-16 units, as {@link String#substring(int, int)} does, unless {@link Unit} says otherwise.
 * A failure is an {@link MtlException}; the use of what was closed is an {@link IllegalStateException}. Everything may be shared
 * between threads. {@link ai.libmtl.NativeLibrary} says where the library in C is looked for.
 */
@NullMarked
package ai.libmtl;

import org.jspecify.annotations.NullMarked;
