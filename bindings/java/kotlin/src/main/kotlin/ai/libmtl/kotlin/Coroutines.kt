package ai.libmtl.kotlin

import ai.libmtl.Align
import ai.libmtl.AlignOptions
import ai.libmtl.Alignment
import ai.libmtl.Annotation
import ai.libmtl.Answered
import ai.libmtl.CancelToken
import ai.libmtl.Documents
import ai.libmtl.Exercise
import ai.libmtl.LearnOptions
import ai.libmtl.Learner
import ai.libmtl.Model
import ai.libmtl.OpenOptions
import ai.libmtl.ScoreOptions
import ai.libmtl.Scored
import ai.libmtl.TagOptions
import java.nio.file.Path
import kotlin.coroutines.CoroutineContext
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.suspendCancellableCoroutine
import kotlinx.coroutines.withContext

/** [Model.tag] on a thread of [context]. A coroutine that is cancelled stops it within about 10 ms. */
public suspend fun Model.tagAsync(
    texts: List<String>,
    options: TagOptions = TagOptions.DEFAULT,
    context: CoroutineContext = Dispatchers.Default,
): List<Annotation> = tagAsync(Documents.texts(texts), options, context)

/** [Model.tag] on a thread of [context]. A coroutine that is cancelled stops it within about 10 ms. */
public suspend fun Model.tagAsync(
    documents: Documents,
    options: TagOptions = TagOptions.DEFAULT,
    context: CoroutineContext = Dispatchers.Default,
): List<Annotation> = stoppable(context) { tag(documents, options.cancel(it)) }

/** [Model.score] on a thread of [context]. A coroutine that is cancelled stops it within about 10 ms. */
public suspend fun Model.scoreAsync(
    exercises: List<Exercise>,
    options: ScoreOptions = ScoreOptions.DEFAULT,
    context: CoroutineContext = Dispatchers.Default,
): List<Scored> = stoppable(context) { score(exercises, options.cancel(it)) }

/** [Model.adapt] on a thread of [context]. A coroutine that is cancelled stops it within about 10 ms. */
public suspend fun Model.adaptAsync(
    history: List<Answered>,
    prior: Learner? = null,
    options: LearnOptions = LearnOptions.DEFAULT,
    context: CoroutineContext = Dispatchers.Default,
): Learner = stoppable(context) { adapt(history, prior, options.cancel(it)) }

/** [Align.align] on a thread of [context]. A coroutine that is cancelled stops it within about 10 ms. */
public suspend fun alignAsync(
    correct: Documents,
    answers: Documents,
    options: AlignOptions = AlignOptions.DEFAULT,
    context: CoroutineContext = Dispatchers.Default,
): List<Alignment> = stoppable(context) { Align.align(correct, answers, options.cancel(it)) }

/**
 * [Model.open] on a thread of [context]. Opening cannot be stopped: a coroutine that is cancelled meanwhile ends when it is done, and
 * the model is closed.
 */
public suspend fun openModelAsync(
    bundle: Path,
    options: OpenOptions = OpenOptions.DEFAULT,
    context: CoroutineContext = Dispatchers.IO,
): Model = closedUnlessHad(context) { Model.open(bundle, options) }

/** What is opened for a coroutine that was cancelled meanwhile is closed: nobody will have it. */
internal suspend fun <T : AutoCloseable> closedUnlessHad(context: CoroutineContext, open: () -> T): T {
    var opened: T? = null
    try {
        return withContext(context) { open().also { opened = it } }
    } catch (cancelled: CancellationException) {
        opened?.close()
        throw cancelled
    }
}

/** Runs a call that its coroutine's cancellation stops: the coroutine has ended only when the call has. */
private suspend fun <T> stoppable(context: CoroutineContext, call: (CancelToken) -> T): T = withContext(context) {
    suspendCancellableCoroutine { continuation ->
        val token = CancelToken()
        continuation.invokeOnCancellation { token.cancel() }
        continuation.resumeWith(runCatching { call(token) })
    }
}
