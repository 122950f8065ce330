package ai.libmtl.kotlin

import ai.libmtl.CancelToken
import ai.libmtl.Code
import ai.libmtl.Documents
import ai.libmtl.Exercise
import ai.libmtl.Model
import ai.libmtl.MtlException
import ai.libmtl.Range
import ai.libmtl.ScoreOptions
import ai.libmtl.TagOptions
import java.nio.file.Path
import java.util.concurrent.CountDownLatch
import kotlin.time.Duration
import kotlin.time.Duration.Companion.days
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.measureTime
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeoutOrNull
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeAll
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

class KotlinTest {
    companion object {
        private const val SENTENCE = "Maria Jensen moved from Copenhagen to Toronto. 😀"
        private lateinit var model: Model

        private fun bundle(name: String): Path =
            System.getenv("MTL_ZOO")?.let { Path.of(it, name) } ?: Path.of(System.getProperty("mtl.root"), "models", name)

        @BeforeAll
        @JvmStatic
        fun open() {
            model = Model.open(bundle("mtl-mobile"))
        }

        @AfterAll
        @JvmStatic
        fun close() = model.close()
    }

    /** Texts that take the model a second or more, and how long they take. */
    private val long: Pair<List<String>, Duration> by lazy {
        var texts = listOf(SENTENCE, "Vi bor i København.")
        var took = measureTime { model.tag(texts) }
        while (took < 1.seconds) {
            texts = texts + texts
            took = measureTime { model.tag(texts) }
        }
        texts to took
    }

    @Test
    fun `names read like Kotlin`() = runBlocking {
        val document = model.tagAsync(listOf(SENTENCE), TagOptions.DEFAULT.timeout(100.seconds)).single()
        val names = document["ner"].spans().map { it.label() to SENTENCE[it] }
        assertTrue("LOC" to "Copenhagen" in names, names.toString())
        val (start, end) = document.tokens().last()
        assertEquals("😀", SENTENCE.substring(start, end))
        assertEquals("Maria", SENTENCE[Range(0, 5)])
        assertNull(document.error())
        assertThrows<MtlException> { document["nonesuch"] }.let { assertEquals(Code.ARGUMENT, it.code()) }
        Unit
    }

    @Test
    fun `exercises are scored and learnt`() = runBlocking {
        openModelAsync(bundle("sla-demo")).use { scorer ->
            val exercise = Exercise.of("the", "boy").track("en_es").user("ada").time(9.seconds)
            val learner = scorer.adaptAsync(List(9) { exercise.answered(true, true) })
            val unknown = scorer.scoreAsync(listOf(exercise)).single().mistakes()[0]
            val known = scorer.scoreAsync(listOf(exercise), ScoreOptions.DEFAULT.learners(learner)).single().mistakes()[0]
            assertTrue(known > unknown, "$known, $unknown")
        }
        val pair = alignAsync(Documents.texts(listOf("the boy")), Documents.texts(listOf("the toy"))).single()
        assertEquals(listOf(false, true), pair.words().map { it.mistake() })
    }

    @Test
    fun `a failure is the call's own`() = runBlocking {
        val refused = assertThrows<MtlException> { runBlocking { model.tagAsync(listOf("a"), TagOptions.DEFAULT.language("xx")) } }
        assertEquals(Code.ARGUMENT, refused.code())
        val fired = CancelToken().apply { cancel() }
        val stopped = assertThrows<MtlException> { runBlocking { model.tagAsync(listOf("a"), TagOptions.DEFAULT.cancel(fired)) } }
        assertEquals(Code.CANCELLED, stopped.code())
        assertThrows<MtlException> { runBlocking { openModelAsync(Path.of("no/such/bundle")) } }.let { assertEquals(Code.IO, it.code()) }
        Unit
    }

    @Test
    fun `a coroutine that is cancelled stops its call`() = runBlocking {
        val (texts, whole) = long
        var seen: Throwable? = null
        val job = launch(Dispatchers.Default) {
            try {
                model.tagAsync(texts, TagOptions.DEFAULT.timeout(100.days))
            } catch (stopped: Throwable) {
                seen = stopped
                throw stopped
            }
        }
        delay(whole / 20)
        val took = measureTime { job.cancelAndJoin() }
        assertTrue(seen is CancellationException, seen.toString())
        assertTrue(took < whole / 2, "$took of $whole")
        assertEquals(1, model.tagAsync(listOf(SENTENCE)).size)
    }

    @Test
    fun `a timeout of Kotlin's stops it too`() = runBlocking {
        val (texts, whole) = long
        val took = measureTime { assertNull(withTimeoutOrNull((whole / 20).coerceAtLeast(1.milliseconds)) { model.tagAsync(texts) }) }
        assertTrue(took < whole / 2, "$took of $whole")
    }

    @Test
    fun `many coroutines share a model`() = runBlocking {
        val wanted = model.tag(listOf(SENTENCE)).single().toString()
        val all = (1..64).map { async { model.tagAsync(listOf(SENTENCE)).single().toString() } }.awaitAll()
        assertEquals(List(64) { wanted }, all)
    }

    @Test
    fun `what is opened for nobody is closed`() = runBlocking {
        val (opening, cancelled, closed) = List(3) { CountDownLatch(1) }
        val job = launch(Dispatchers.Default) {
            closedUnlessHad(Dispatchers.IO) {
                opening.countDown()
                cancelled.await()
                AutoCloseable { closed.countDown() }
            }
        }
        withContext(Dispatchers.IO) { opening.await() }
        job.cancel()
        cancelled.countDown()
        job.join()
        assertEquals(0, closed.count)
        val kept = closedUnlessHad(Dispatchers.IO) { AutoCloseable { throw AssertionError("it was closed") } }
        assertThrows<AssertionError> { kept.close() }
        Unit
    }
}
