import CMtl

/// Which words of a right sentence a learner got wrong.
public struct Alignment: Hashable, Sendable {
    /// Those of the right sentence.
    public let words: [Word]
    /// The fewest that make the answer of the right sentence, in the order of the text. Words of which the options leave nothing,
    /// such as full stops, take no part.
    public let edits: [Edit]
    /// (substitutions + deletions + insertions) / words that take part; it may exceed 1.
    public let wordErrorRate: Double
}

/// A word of a right sentence.
public struct Word: Hashable, Sendable {
    /// Where it stands there; of words, in `words.joined()`.
    public let range: Range<String.Index>
    /// Whether the learner got it wrong.
    public let mistake: Bool
}

/// A step from the right sentence to the answer. Words are numbered; places are those of the answer's words in it.
public enum Edit: Hashable, Sendable {
    /// The learner wrote the word.
    case match(word: Int, typed: Range<String.Index>)
    /// The learner wrote another.
    case substitute(word: Int, typed: Range<String.Index>)
    /// The learner left the word out.
    case delete(word: Int)
    /// The learner wrote one too many.
    case insert(typed: Range<String.Index>)
}

/// Compares what learners typed with what is right: each answer with its right sentence. Each gets a result or an error of its own,
/// in order; what concerns all, such as other numbers of answers than of sentences, is thrown. It needs no model.
public func align(_ correct: [String], with answers: [String], options: AlignOptions = AlignOptions(), timeout: Duration? = nil) throws
    -> [Result<Alignment, MtlError>]
{
    try align(.texts(correct), .texts(answers), options, timeout)
}

/// `align` for sentences whose words somebody else has cut.
public func align(words correct: [[String]], with answers: [[String]], options: AlignOptions = AlignOptions(), timeout: Duration? = nil)
    throws -> [Result<Alignment, MtlError>]
{
    try align(.sentences(correct), .sentences(answers), options, timeout)
}

private func align(_ correct: Documents, _ answers: Documents, _ given: AlignOptions, _ timeout: Duration?) throws
    -> [Result<Alignment, MtlError>]
{
    let options = try options(given.pairs)
    let cancel = try Cancel(after: timeout)
    let (right, typed) = (try correct.batch(), try answers.batch())
    let alignment = try Owned(free: mtl_alignment_free) {
        mtl_align(right.pointer, typed.pointer, options.pointer, cancel.token.pointer, $1, $0)
    }
    var pairs = mtl_pairs()
    pairs.struct_size = size(of: mtl_pairs.self)
    try checked { mtl_alignment_pairs(alignment.pointer, &pairs, $0) }
    var words = mtl_words()
    words.struct_size = size(of: mtl_words.self)
    try checked { mtl_alignment_words(alignment.pointer, &words, $0) }
    var edits = mtl_edits()
    edits.struct_size = size(of: mtl_edits.self)
    try checked { mtl_alignment_edits(alignment.pointer, &edits, $0) }
    let (correctTexts, typedTexts) = (correct.texts, answers.texts)
    return (0..<Int(pairs.count)).map { pair in
        let status = pairs.status[pair]
        guard status == 0 else {
            return .failure(MtlError(status: status, mtl_alignment_error(alignment.pointer, UInt32(pair))))
        }
        let mine = Int(pairs.words[pair])..<Int(pairs.words[pair + 1])
        var (places, typedPlaces) = (Places(correctTexts[pair]), Places(typedTexts[pair]))
        return .success(
            Alignment(
                words: mine.map { Word(range: places.next(words.start[$0], words.end[$0]), mistake: words.mistake[$0] != 0) },
                edits: (Int(pairs.edits[pair])..<Int(pairs.edits[pair + 1])).map { edit(edits, $0, mine.lowerBound, &typedPlaces) },
                wordErrorRate: pairs.word_error_rate[pair]))
    }
}

/// The edit of a number, of a pair whose words begin at `first`.
private func edit(_ edits: mtl_edits, _ number: Int, _ first: Int, _ places: inout Places) -> Edit {
    let word = Int(edits.word[number]) - first
    let kind = Int32(edits.kind[number])
    if kind == MTL_EDIT_DELETE { return .delete(word: word) }
    let typed = places.next(edits.start[number], edits.end[number])
    switch kind {
    case MTL_EDIT_MATCH: return .match(word: word, typed: typed)
    case MTL_EDIT_INSERT: return .insert(typed: typed)
    default: return .substitute(word: word, typed: typed)
    }
}
