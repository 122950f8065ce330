import CMtl
import Dispatch

/// An opened model: immutable, for any number of tasks and threads. The last reference frees it.
///
///     let model = try Model(path: "models/mtl-base")
///     let text = "Maria Jensen moved from Copenhagen to Toronto."
///     for span in try model.tag([text])[0].get()["ner"]!.spans {
///         print(span.label, text[span.range])
///     }
public final class Model: @unchecked Sendable {
    // A model is const in C, which threads may share: mtl.h's law 5.
    let pointer: OpaquePointer

    /// SHA-256 of the bundle's manifest, which names every other file's: it identifies the bundle.
    public let digest: String
    /// The bundle's manifest as JSON, as docs/bundle-format.md describes it.
    public let manifest: String
    /// What runs where, as JSON: engine, version, precision, threads, and the execution providers with reasons.
    public let report: String
    /// ISO 639-1 codes.
    public let languages: [String]
    /// What the model can do; none of a scorer.
    public let tasks: [Task]

    /// What a model says of one of its tasks.
    public struct Task: Hashable, Sendable {
        /// Its name, such as "ner".
        public let name: String
        /// The labels that a token can have, such as "B-PER" or "NOUN".
        public let labels: [String]
        /// The labels that a span can have, such as "PER"; none where the task makes no spans.
        public let spanLabels: [String]
        /// The languages that it was trained on.
        public let languages: [String]
    }

    /// Opens the bundle at `path`, a folder or an archive. It is read whole, and every digest is checked.
    public convenience init(path: String, options: OpenOptions = OpenOptions()) throws {
        let given = try Mtl.options(options.ofBundle)
        let bundle = try Owned(free: mtl_bundle_free) { mtl_bundle_open(path, path.utf8.count, given.pointer, $1, $0) }
        try self.init(bundle, options)
    }

    /// Opens the bundle archive in `bytes`, which are copied: `trusted` is not for them, and has no effect.
    public convenience init(bytes: [UInt8], options: OpenOptions = OpenOptions()) throws {
        let bundle = try Owned(free: mtl_bundle_free) { mtl_bundle_open_memory(bytes, bytes.count, nil, $1, $0) }
        try self.init(bundle, options)
    }

    private init(_ bundle: Owned, _ options: OpenOptions) throws {
        let given = try Mtl.options(options.ofModel)
        var opened: OpaquePointer?
        try checked { mtl_model_open(bundle.pointer, given.pointer, options.pool?.env.pointer, &opened, $0) }
        let model = opened!
        pointer = model
        digest = lent { mtl_bundle_digest(bundle.pointer, $0) }
        manifest = lent { mtl_model_manifest(model, $0) }
        report = lent { mtl_model_report(model, $0) }
        let languages = (0..<mtl_model_language_count(model)).map { number in lent { mtl_model_language(model, number, $0) } }
        self.languages = languages
        tasks = (0..<mtl_model_task_count(model)).map { task in
            Task(
                name: lent { mtl_model_task_name(model, task, $0) },
                labels: (0..<mtl_model_label_count(model, task)).map { label in lent { mtl_model_label(model, task, label, $0) } },
                spanLabels: (0..<mtl_model_span_label_count(model, task)).map { label in
                    lent { mtl_model_span_label(model, task, label, $0) }
                },
                languages: languages.enumerated().filter { mtl_model_task_knows(model, task, UInt32($0.offset)) == 1 }.map(\.element))
        }
    }

    deinit { mtl_model_release(pointer) }
}

/// Stops a call when it is fired, or after `timeout`.
final class Cancel: @unchecked Sendable {
    // Firing and reading are for any thread: mtl.h's law 5.
    let token: Owned

    init(after timeout: Duration?) throws {
        let milliseconds = try timeout.map { timeout in
            let (seconds, rest) = timeout.components
            guard seconds >= 0, rest >= 0, seconds < Int64.max / 1000 - 1 else {
                throw MtlError(code: .argument, "the timeout is \(timeout)", "pass one that is not negative, or none")
            }
            return seconds * 1000 + rest / 1_000_000_000_000_000
        }
        token = try Owned(free: mtl_cancel_free) { mtl_cancel_new(milliseconds ?? -1, $1, $0) }
    }

    func fire() { _ = mtl_cancel_fire(token.pointer, nil) }
}

/// Makes a blocking call on a thread of its own, which the cancelling of the task that waits for it stops within about 10 ms:
/// then it throws `CancellationError`.
func offThread<Value: Sendable>(_ timeout: Duration?, _ call: @escaping @Sendable (Cancel) throws -> Value) async throws -> Value {
    let cancel = try Cancel(after: timeout)
    do {
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                DispatchQueue.global().async { continuation.resume(with: Result { try call(cancel) }) }
            }
        } onCancel: {
            cancel.fire()
        }
    } catch let error as MtlError where error.code == .cancelled {
        throw CancellationError()
    }
}
