/// What was found in one document.
public struct Annotation: Hashable, Sendable {
    /// The document's language, an ISO 639-1 code.
    public let language: String
    /// Where its tokens stand in the text; of words, in `words.joined()`.
    public let tokens: [Range<String.Index>]
    /// The tokens of each sentence.
    public let sentences: [Range<Int>]
    /// What each task found, by its name: of the tasks asked for, those that know the language.
    public let tags: [String: Tags]

    /// The tags of a task.
    public subscript(task: String) -> Tags? { tags[task] }
}

/// What one task found in one document.
public struct Tags: Hashable, Sendable {
    /// One a token.
    public let labels: [String]
    /// P(label | sentence) of each token, calibrated; empty unless scores were asked for.
    public let scores: [Float]
    /// In the order of the text; none where the task's labels are plain.
    public let spans: [Span]
    /// The best paths of each sentence, the best first; empty unless they were asked for.
    public let paths: [[Path]]
}

/// A stretch of text with a label, such as a name.
public struct Span: Hashable, Sendable {
    /// Such as "PER".
    public let label: String
    /// Where it stands in the text.
    public let range: Range<String.Index>
    /// Its tokens among the document's.
    public let tokens: Range<Int>
    /// P(labels of its tokens | sentence), calibrated; nil unless scores were asked for.
    public let score: Float?
}

/// One way to label a sentence.
public struct Path: Hashable, Sendable {
    /// The labels of the sentence's tokens.
    public let labels: [String]
    /// P(all labels | sentence), calibrated.
    public let probability: Double
}
