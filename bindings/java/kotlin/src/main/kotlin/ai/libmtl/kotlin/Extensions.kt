package ai.libmtl.kotlin

import ai.libmtl.Annotation
import ai.libmtl.CallOptions
import ai.libmtl.Exercise
import ai.libmtl.Range
import ai.libmtl.Span
import ai.libmtl.Tags
import kotlin.time.Duration
import kotlin.time.toJavaDuration

/** `document["ner"]`: what the task of this name found, as [Annotation.task] gives it. */
public operator fun Annotation.get(task: String): Tags = task(task)

/** `text[span]`: the span's part of the text, where offsets count UTF-16 units. */
public operator fun String.get(span: Span): String = span.of(this)

/** `text[token]`: the range's part of the text, where offsets count UTF-16 units. */
public operator fun String.get(range: Range): String = range.of(this)

/** `val (start, end) = range` */
public operator fun Range.component1(): Int = start()

/** `val (start, end) = range` */
public operator fun Range.component2(): Int = end()

/** [CallOptions.timeout] of Kotlin's duration. */
public fun <T : CallOptions<T>> T.timeout(limit: Duration): T = timeout(limit.toJavaDuration())

/** [Exercise.time] of Kotlin's duration. */
public fun Exercise.time(taken: Duration): Exercise = time(taken.toJavaDuration())
