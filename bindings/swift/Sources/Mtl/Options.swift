import CMtl

/// How a model is opened. What is not set has libmtl's default.
public struct OpenOptions: Sendable {
    /// Maps a bundle's file instead of reading it and does not check digests: only for a bundle from inside something
    /// verified, such as an app's package.
    public var trusted = false
    /// What computes: "native", "onnx", or, in a library that was built with it, "cuda", which was not run on a GPU yet.
    public var engine: String?
    /// Threads of a call, up to 1024; 0 is the calling thread alone.
    public var threads: Int?
    /// One of the native engine's kernels, such as "generic", "avx2" or "neon": with one kernel, results are the same everywhere,
    /// bit for bit.
    public var kernel: String?
    /// Which graph the engine "onnx" runs: "portable" or "fused".
    public var graph: String?
    /// KiB that the native engine may keep of the words that come again; 0 keeps none.
    public var wordCache: Int?
    /// The path of ONNX Runtime's shared library.
    public var library: String?
    /// ONNX Runtime's execution providers in order, such as "cuda?", "cpu": with a question mark one is used if it is there.
    public var providers: [String] = []
    /// The number of the GPU.
    public var gpuDevice: Int?
    /// MiB that the arena of the provider "cuda" may take.
    public var gpuMemory: Int?
    /// An existing folder in which the provider "tensorrt" keeps the engines that it builds, and to which nobody else may write.
    public var tensorrtCache: String?
    /// Lets the provider "tensorrt" compute in half precision.
    public var tensorrtFP16 = false
    /// An existing folder in which the engine "cuda" keeps the kernels that it compiles, and to which nobody else may write.
    public var kernelCache: String?
    /// Takes an ONNX Runtime that may write telemetry.
    public var acceptTelemetry = false
    /// The path of the table of word vectors by sentence, for a scorer that has none of its own.
    public var vectors: String?
    /// Threads that models share.
    public var pool: Pool?

    public init() {}

    var ofBundle: [Pair] { flag("trusted", trusted) }

    var ofModel: [Pair] {
        value("engine", engine) + value("threads", threads) + value("kernel", kernel) + value("graph", graph)
            + value("word_cache", wordCache) + value("library", library) + list("providers", providers)
            + value("gpu_device", gpuDevice) + value("gpu_memory", gpuMemory) + value("tensorrt_cache", tensorrtCache)
            + flag("tensorrt_fp16", tensorrtFP16) + value("kernel_cache", kernelCache)
            + flag("accept_telemetry", acceptTelemetry) + value("vectors", vectors)
    }
}

/// How documents are tagged.
public struct TagOptions: Sendable {
    /// The tasks to run; all of the model's where it is empty.
    public var tasks: [String] = []
    /// The language of every document, an ISO 639-1 code; each one's is detected where there is none.
    public var language: String?
    /// Computes calibrated probabilities of labels and spans.
    public var scores = false
    /// Computes up to so many best paths a sentence, at most 100.
    public var nbest: Int?
    /// Tags languages that a task was not trained on.
    public var zeroShot = false

    public init(tasks: [String] = [], language: String? = nil, scores: Bool = false, nbest: Int? = nil, zeroShot: Bool = false) {
        (self.tasks, self.language, self.scores, self.nbest, self.zeroShot) = (tasks, language, scores, nbest, zeroShot)
    }

    var pairs: [Pair] {
        list("tasks", tasks) + value("language", language) + flag("scores", scores) + value("nbest", nbest) + flag("zero_shot", zeroShot)
    }
}

/// How answers are aligned.
public struct AlignOptions: Sendable {
    /// Upper and lower case count: Yes is not yes.
    public var `case` = false
    /// Punctuation counts: well-known is not wellknown, and a missing full stop is a mistake.
    public var punctuation = false
    /// Accents count: sí is not si.
    public var accents = false

    public init(case: Bool = false, punctuation: Bool = false, accents: Bool = false) {
        (self.case, self.punctuation, self.accents) = (`case`, punctuation, accents)
    }

    var pairs: [Pair] { flag("case", `case`) + flag("punctuation", punctuation) + flag("accents", accents) }
}

/// How exercises are scored.
public struct ScoreOptions: Sendable {
    /// Probabilities are as large as mistakes are frequent. Without it they are as the model was trained, which gives mistakes
    /// more weight: 0.5 parts right from wrong best.
    public var calibrated = false
    /// Exercises of these learners, no user twice, are scored with what `Model.adapt` has found of them.
    public var learners: [Learner] = []

    public init(calibrated: Bool = false, learners: [Learner] = []) {
        (self.calibrated, self.learners) = (calibrated, learners)
    }

    var pairs: [Pair] { flag("calibrated", calibrated) }
}

/// One of the C ABI's options.
typealias Pair = (key: String, value: String)

private func flag(_ key: String, _ on: Bool) -> [Pair] { on ? [(key, "true")] : [] }
private func value(_ key: String, _ value: (some Any)?) -> [Pair] { value.map { [(key, "\($0)")] } ?? [] }
private func list(_ key: String, _ names: [String]) -> [Pair] { names.isEmpty ? [] : [(key, names.joined(separator: ","))] }

/// The C object for options.
func options(_ pairs: [Pair]) throws -> Owned {
    let made = try Owned(free: mtl_options_free) { mtl_options_new($1, $0) }
    for (key, value) in pairs {
        try checked { mtl_options_set(made.pointer, key, key.utf8.count, value, value.utf8.count, $0) }
    }
    return made
}

/// Threads that the calls of several models share.
public final class Pool: @unchecked Sendable {
    // Calls only read it: mtl.h's law 5.
    let env: Owned

    /// Starts `threads` threads, 0 to 1024, that help the calls of the models opened with this pool; a call's own thread always
    /// does its part.
    public init(threads: Int) throws {
        // What is no number of threads is one that C refuses.
        let number = UInt32(exactly: threads) ?? .max
        env = try Owned(free: mtl_env_free) { mtl_env_new(number, $1, $0) }
    }
}
