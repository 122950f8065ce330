import CMtl

/// An exercise before the learner has answered it. What is not known is left as it is.
public struct Exercise: Hashable, Sendable {
    /// The words of the right answer.
    public var words: [String]
    /// The learner.
    public var user = ""
    /// The language learnt and the language known, such as "en_es"; not needed where the model has one.
    public var track = ""
    /// Those that the learner was seen in, the first one first.
    public var countries: [String] = []
    /// Days since the learner began, fractions included.
    public var days = 0.0
    /// "web", "ios", "android".
    public var client = ""
    /// "lesson", "practice", "test".
    public var session = ""
    /// "reverse_translate", "reverse_tap", "listen".
    public var format = ""
    /// Seconds that the learner took.
    public var time: Double?

    public init(words: [String], user: String = "", track: String = "") {
        (self.words, self.user, self.track) = (words, user, track)
    }
}

/// An exercise and which of its words the learner got wrong, as `align` tells.
public struct Answered: Hashable, Sendable {
    public var exercise: Exercise
    /// One element a word.
    public var mistakes: [Bool]

    public init(_ exercise: Exercise, mistakes: [Bool]) { (self.exercise, self.mistakes) = (exercise, mistakes) }
}

/// What was learnt of one learner, to be stored by `bytes`. It belongs to the model that it was fitted to.
public struct Learner: Hashable, Sendable {
    /// The learner: `Exercise.user` of those that are scored with it.
    public let user: String
    /// How many answered words it was fitted to, over all calls.
    public let words: UInt64
    /// What to store.
    public let bytes: [UInt8]

    /// Reads what `bytes` gave; anything else is an error of the code `input`.
    public init(bytes: [UInt8]) throws { self.init(try Learner.loaded(bytes)) }

    init(_ learner: Owned) {
        user = lent { mtl_learner_user(learner.pointer, $0) }
        words = mtl_learner_words(learner.pointer)
        var length = 0
        let start = mtl_learner_save(learner.pointer, &length)
        bytes = [UInt8](UnsafeRawBufferPointer(start: start, count: length))
    }

    static func loaded(_ bytes: [UInt8]) throws -> Owned {
        try Owned(free: mtl_learner_free) { mtl_learner_load(bytes, bytes.count, $1, $0) }
    }
}

extension Model {
    /// P(the learner gets the word wrong) of each word of each exercise. Each exercise gets its words' or an error of its own, in
    /// order; what concerns all is thrown.
    public func score(_ exercises: [Exercise], options: ScoreOptions = ScoreOptions(), timeout: Duration? = nil) throws
        -> [Result<[Float], MtlError>]
    {
        try score(exercises, options, Cancel(after: timeout))
    }

    /// `score` off the caller's thread. Where the task is cancelled, it throws `CancellationError` within about 10 ms.
    public func score(_ exercises: [Exercise], options: ScoreOptions = ScoreOptions(), timeout: Duration? = nil) async throws
        -> [Result<[Float], MtlError>]
    {
        try await offThread(timeout) { try self.score(exercises, options, $0) }
    }

    /// Fits a learner whom the model may never have seen to what they have answered, all of one user. `prior` is what was found of
    /// them before: then `history` holds new answers only. The model does not change.
    public func adapt(_ history: [Answered], prior: Learner? = nil, timeout: Duration? = nil) throws -> Learner {
        try learn(history, prior, Cancel(after: timeout)) { mtl_scorer_adapt($0, $1, $2, $3, $4, $5) }
    }

    /// Keeps what a learner has answered and fits nothing: for a model that reads what was answered before, and answers that it
    /// was trained on with them.
    public func remember(_ history: [Answered], prior: Learner? = nil, timeout: Duration? = nil) throws -> Learner {
        try learn(history, prior, Cancel(after: timeout)) { mtl_scorer_remember($0, $1, $2, $3, $4, $5) }
    }

    private func score(_ exercises: [Exercise], _ given: ScoreOptions, _ cancel: Cancel) throws -> [Result<[Float], MtlError>] {
        let options = try Mtl.options(given.pairs)
        let list = try Mtl.list(exercises)
        for learner in given.learners {
            let stored = try Learner.loaded(learner.bytes)
            try checked { mtl_exercises_add_learner(list.pointer, stored.pointer, $0) }
        }
        let scores = try Owned(free: mtl_scores_free) {
            mtl_score(pointer, list.pointer, options.pointer, cancel.token.pointer, $1, $0)
        }
        var found = mtl_probabilities()
        found.struct_size = size(of: mtl_probabilities.self)
        try checked { mtl_scores_probabilities(scores.pointer, &found, $0) }
        return (0..<Int(found.count)).map { number in
            let status = found.status[number]
            guard status == 0 else {
                return .failure(MtlError(status: status, mtl_scores_error(scores.pointer, UInt32(number))))
            }
            return .success((found.words[number]..<found.words[number + 1]).map { found.probability[Int($0)] })
        }
    }

    private typealias Fit = (
        OpaquePointer?, OpaquePointer?, OpaquePointer?, OpaquePointer?, UnsafeMutablePointer<OpaquePointer?>, ErrorPlace
    ) -> Int32

    private func learn(_ history: [Answered], _ prior: Learner?, _ cancel: Cancel, _ fit: Fit) throws -> Learner {
        for (number, answered) in history.enumerated() where answered.mistakes.count != answered.exercise.words.count {
            let fault = "exercise \(number) has \(answered.exercise.words.count) words and \(answered.mistakes.count) mistakes"
            throw MtlError(code: .argument, fault, "pass one for each word")
        }
        let list = try Mtl.list(history.map(\.exercise))
        let mistakes = history.flatMap(\.mistakes).map { UInt8($0 ? 1 : 0) }
        try checked { mtl_exercises_set_mistakes(list.pointer, mistakes, mistakes.count, $0) }
        let before = try prior.map { try Learner.loaded($0.bytes) }
        return Learner(
            try Owned(free: mtl_learner_free) {
                fit(pointer, list.pointer, before?.pointer, cancel.token.pointer, $1, $0)
            })
    }
}

/// The C object for exercises.
private func list(_ exercises: [Exercise]) throws -> Owned {
    let made = try Owned(free: mtl_exercises_free) { mtl_exercises_new($1, $0) }
    for exercise in exercises {
        var words = Packed()
        exercise.words.forEach { words.add($0) }
        let lengths = exercise.words.map(\.utf8.count)
        try words.lend { bytes, _ in
            let starts = words.offsets.dropLast().map { offset in bytes.map { $0 + Int(offset) } }
            try checked { mtl_exercises_add(made.pointer, starts, lengths, lengths.count, $0) }
        }
        let known = [
            ("user", exercise.user), ("track", exercise.track), ("countries", exercise.countries.joined(separator: "|")),
            ("client", exercise.client), ("session", exercise.session), ("format", exercise.format),
            ("days", exercise.days == 0 ? "" : "\(exercise.days)"), ("time", exercise.time.map { "\($0)" } ?? ""),
        ]
        for (key, value) in known where !value.isEmpty {
            try checked { mtl_exercises_set(made.pointer, key, key.utf8.count, value, value.utf8.count, $0) }
        }
    }
    return made
}
