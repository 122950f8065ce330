import CMtl

extension Model {
    /// Tags `texts`, each a document. Each gets a result or an error of its own, in order; what concerns all is thrown.
    /// It blocks; `timeout` ends it in an error of the code `deadline`.
    public func tag(_ texts: [String], options: TagOptions = TagOptions(), timeout: Duration? = nil) throws -> [Result<Annotation, MtlError>] {
        try tag(.texts(texts), options, Cancel(after: timeout))
    }

    /// `tag` off the caller's thread. Where the task is cancelled, it throws `CancellationError` within about 10 ms.
    public func tag(_ texts: [String], options: TagOptions = TagOptions(), timeout: Duration? = nil) async throws
        -> [Result<Annotation, MtlError>]
    {
        try await offThread(timeout) { try self.tag(.texts(texts), options, $0) }
    }

    /// `tag` for documents whose words somebody else has cut, each one sentence.
    public func tag(sentences: [[String]], options: TagOptions = TagOptions(), timeout: Duration? = nil) throws
        -> [Result<Annotation, MtlError>]
    {
        try tag(.sentences(sentences), options, Cancel(after: timeout))
    }

    /// `tag(sentences:)` off the caller's thread. Where the task is cancelled, it throws `CancellationError`.
    public func tag(sentences: [[String]], options: TagOptions = TagOptions(), timeout: Duration? = nil) async throws
        -> [Result<Annotation, MtlError>]
    {
        try await offThread(timeout) { try self.tag(.sentences(sentences), options, $0) }
    }

    private func tag(_ documents: Documents, _ given: TagOptions, _ cancel: Cancel) throws -> [Result<Annotation, MtlError>] {
        let options = try Mtl.options(given.pairs)
        let batch = try documents.batch()
        let result = try Owned(free: mtl_result_free) {
            mtl_tag(pointer, batch.pointer, options.pointer, cancel.token.pointer, $1, $0)
        }
        return try Reader(self, result, documents.texts).annotations()
    }
}

/// Documents, as texts or as words.
enum Documents {
    case texts([String])
    case sentences([[String]])

    /// What offsets count in.
    var texts: [String] {
        switch self {
        case .texts(let texts): texts
        case .sentences(let sentences): sentences.map { $0.joined() }
        }
    }

    /// The C object for them, in one crossing.
    func batch() throws -> Owned {
        let made = try Owned(free: mtl_batch_free) { mtl_batch_new($1, $0) }
        var all = Packed()
        switch self {
        case .texts(let texts):
            texts.forEach { all.add($0) }
            try all.lend { bytes, length in
                try checked { mtl_batch_add_texts_packed(made.pointer, bytes, length, all.offsets, texts.count, $0) }
            }
        case .sentences(let sentences):
            var ends: [UInt64] = [0]
            for words in sentences {
                words.forEach { all.add($0) }
                ends.append(UInt64(all.offsets.count - 1))
            }
            let count = all.offsets.count - 1
            try all.lend { bytes, length in
                try checked {
                    mtl_batch_add_tokens_packed(made.pointer, bytes, length, all.offsets, count, ends, sentences.count, $0)
                }
            }
        }
        return made
    }
}

/// Copies a result into Swift's memory.
private struct Reader {
    let model: Model
    let result: Owned
    let texts: [String]
    let documents: mtl_documents
    let tokens: mtl_tokens
    /// The first sentence of each document, and the end.
    let ofDocument: UnsafeBufferPointer<UInt32>
    /// The first token of each sentence, and the end.
    let ofSentence: UnsafeBufferPointer<UInt32>

    init(_ model: Model, _ result: Owned, _ texts: [String]) throws {
        var documents = mtl_documents()
        documents.struct_size = size(of: mtl_documents.self)
        try checked { mtl_result_documents(result.pointer, &documents, $0) }
        var tokens = mtl_tokens()
        tokens.struct_size = size(of: mtl_tokens.self)
        try checked { mtl_result_tokens(result.pointer, &tokens, $0) }
        (self.model, self.result, self.texts, self.documents, self.tokens) = (model, result, texts, documents, tokens)
        ofDocument = column(documents.sentences, documents.count + 1)
        ofSentence = column(tokens.sentences, tokens.sentence_count + 1)
    }

    func annotations() throws -> [Result<Annotation, MtlError>] {
        var tasks = try model.tasks.indices.compactMap { try TaskReader(model, $0, result) }
        let (starts, ends) = (column(tokens.start, tokens.count), column(tokens.end, tokens.count))
        return (0..<Int(documents.count)).map { document in
            let status = documents.status[document]
            guard status == 0 else {
                return .failure(MtlError(status: status, mtl_result_error(result.pointer, UInt32(document))))
            }
            let sentences = Int(ofDocument[document])..<Int(ofDocument[document + 1])
            let first = Int(ofSentence[sentences.lowerBound])
            let mine = first..<Int(ofSentence[sentences.upperBound])
            var places = Places(texts[document])
            let ranges = mine.map { places.next(starts[$0], ends[$0]) }
            var tags: [String: Tags] = [:]
            for task in tasks.indices {
                tags[tasks[task].name] = tasks[task].next(document, mine, ranges, sentences)
            }
            return .success(
                Annotation(
                    language: model.languages[Int(documents.language[document])], tokens: ranges,
                    sentences: sentences.map { Int(ofSentence[$0]) - first..<Int(ofSentence[$0 + 1]) - first }, tags: tags))
        }
    }
}

/// Reads what a task found, document by document.
private struct TaskReader {
    let name: String
    private let labels, spanLabels: [String]
    private let tags: mtl_tags
    private let spans: mtl_spans
    private let paths: mtl_paths
    /// The first span and the first path that no document has had.
    private var span = 0
    private var path = 0

    /// Nil where the task was not asked for.
    init?(_ model: Model, _ number: Int, _ result: Owned) throws {
        let facts = model.tasks[number]
        (name, labels, spanLabels) = (facts.name, facts.labels, facts.spanLabels)
        var tags = mtl_tags()
        tags.struct_size = size(of: mtl_tags.self)
        do {
            try checked { mtl_result_tags(result.pointer, UInt32(number), &tags, $0) }
        } catch let error as MtlError where error.code == .argument {
            return nil
        }
        var spans = mtl_spans()
        spans.struct_size = size(of: mtl_spans.self)
        try checked { mtl_result_spans(result.pointer, UInt32(number), &spans, $0) }
        var paths = mtl_paths()
        paths.struct_size = size(of: mtl_paths.self)
        try checked { mtl_result_paths(result.pointer, UInt32(number), &paths, $0) }
        (self.tags, self.spans, self.paths) = (tags, spans, paths)
    }

    /// What it found in the next document; nil where it does not know the language. `mine` are the document's tokens, and
    /// `sentences` its sentences, in the columns; `ranges` where the tokens stand.
    mutating func next(_ document: Int, _ mine: Range<Int>, _ ranges: [Range<String.Index>], _ sentences: Range<Int>) -> Tags? {
        let (spans, paths) = (nextSpans(document, mine.lowerBound, ranges), nextPaths(sentences))
        // MTL_NONE: there is no label.
        guard let first = mine.first, tags.label[first] != .max else { return nil }
        return Tags(
            labels: mine.map { labels[Int(tags.label[$0])] }, scores: tags.score.map { score in mine.map { score[$0] } } ?? [],
            spans: spans, paths: self.paths.count == 0 ? [] : paths)
    }

    private mutating func nextSpans(_ document: Int, _ first: Int, _ ranges: [Range<String.Index>]) -> [Span] {
        var found: [Span] = []
        while span < spans.count, Int(spans.document[span]) == document {
            let tokens = Int(spans.first_token[span]) - first..<Int(spans.end_token[span]) - first
            let range = ranges[tokens.lowerBound].lowerBound..<ranges[tokens.upperBound - 1].upperBound
            found.append(Span(label: spanLabels[Int(spans.label[span])], range: range, tokens: tokens, score: spans.score?[span]))
            span += 1
        }
        return found
    }

    private mutating func nextPaths(_ sentences: Range<Int>) -> [[Path]] {
        var found = [[Path]](repeating: [], count: sentences.count)
        while path < paths.count, sentences.contains(Int(paths.sentence[path])) {
            let labels = (paths.labels[path]..<paths.labels[path + 1]).map { self.labels[Int(paths.label[Int($0)])] }
            found[Int(paths.sentence[path]) - sentences.lowerBound].append(Path(labels: labels, probability: paths.probability[path]))
            path += 1
        }
        return found
    }
}
