import Foundation
import Mtl
import XCTest

/// The cases of tests/cases, which every language runs.
final class CasesTests: XCTestCase {
    func testCases() throws {
        let folder = root.appendingPathComponent("tests/cases")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".jsonl") }.sorted()
        XCTAssertEqual(files, ["align.jsonl", "labels.jsonl", "text.jsonl"])
        let model = try Model(path: zoo.appendingPathComponent("mtl-mobile").path)
        var run = 0, left = 0
        for file in files {
            for line in try String(contentsOf: folder.appendingPathComponent(file), encoding: .utf8).split(separator: "\n") {
                // A lone surrogate, like bytes that are not UTF-8, is no String of Swift's.
                let escapes = line.components(separatedBy: "\\ud8").count + line.components(separatedBy: "\\udc").count
                guard let given = try? JSONSerialization.jsonObject(with: Data(line.utf8)), let each = given as? [String: Any] else {
                    XCTAssertGreaterThan(escapes, 2, "\(line.prefix(80))")
                    left += 1
                    continue
                }
                if try Case(each).compare(model) { run += 1 } else { left += 1 }
            }
        }
        print("cases: \(run) run, \(left) left out: no String of Swift's, or an option that Swift has not")
        XCTAssertGreaterThan(run, 40)
    }
}

/// One of the cases.
private struct Case {
    let name: String
    let options: [String: String]
    let given, expect: [String: Any]

    init(_ given: [String: Any]) {
        self.given = given
        name = given["name"] as! String
        options = given["options"] as? [String: String] ?? [:]
        expect = given["expect"] as! [String: Any]
    }

    /// Whether it could be run.
    func compare(_ model: Model) throws -> Bool {
        if let digest = given["bundle"] as? String {
            XCTAssertEqual(digest, model.digest, "\(name): was made for another bundle")
        }
        guard let documents = contents("documents") else { return false }
        if given["answers"] != nil {
            guard let answers = contents("answers"), let options = alignOptions else { return false }
            check(Result { try align(documents, answers, options) }, expected: "pairs", compare: comparePair)
        } else {
            guard let options = tagOptions else { return false }
            check(Result { try tag(model, documents, options) }, expected: "documents", compare: compareDocument)
        }
        return true
    }

    /// Texts or words, each with its text; nil where one is no String.
    private func contents(_ key: String) -> [(words: [String]?, text: String)]? {
        let documents = given[key] as! [[String: Any]]
        let found = documents.compactMap { document -> (words: [String]?, text: String)? in
            if let hex = document["hex"] as? String {
                let bytes = stride(from: 0, to: hex.count, by: 2).map { at in
                    let start = hex.index(hex.startIndex, offsetBy: at)
                    return UInt8(hex[start..<hex.index(start, offsetBy: 2)], radix: 16)!
                }
                return String(bytes: bytes, encoding: .utf8).map { (nil, $0) }
            }
            if let tokens = document["tokens"] as? [String] { return (tokens, tokens.joined()) }
            return (document["text"] as? String).map { (nil, String(repeating: $0, count: document["repeat"] as? Int ?? 1)) }
        }
        return found.count == documents.count ? found : nil
    }

    private var tagOptions: TagOptions? {
        var made = TagOptions()
        for (key, value) in options {
            switch key {
            case "tasks": made.tasks = value.components(separatedBy: ",")
            case "language": made.language = value
            case "scores" where value == "true": made.scores = true
            case "zero_shot" where value == "true": made.zeroShot = true
            case "nbest" where Int(value) != nil: made.nbest = Int(value)
            default: return nil
            }
        }
        return made
    }

    private var alignOptions: AlignOptions? {
        guard options.allSatisfy({ ["case", "punctuation", "accents"].contains($0.key) && $0.value == "true" }) else { return nil }
        return AlignOptions(case: options["case"] != nil, punctuation: options["punctuation"] != nil, accents: options["accents"] != nil)
    }

    private typealias Contents = [(words: [String]?, text: String)]

    /// Texts in one call and words in another: a document's result does not depend on the others.
    private func tag(_ model: Model, _ documents: Contents, _ options: TagOptions) throws -> [(String, Result<Annotation, MtlError>)] {
        var texts = try model.tag(documents.filter { $0.words == nil }.map(\.text), options: options).makeIterator()
        var words = try model.tag(sentences: documents.compactMap(\.words), options: options).makeIterator()
        return documents.map { ($0.text, $0.words == nil ? texts.next()! : words.next()!) }
    }

    private func align(_ correct: Contents, _ typed: Contents, _ options: AlignOptions) throws
        -> [((String, String), Result<Alignment, MtlError>)]
    {
        let found =
            correct.contains { $0.words != nil }
            ? try Mtl.align(words: correct.map { $0.words! }, with: typed.map { $0.words! }, options: options)
            : try Mtl.align(correct.map(\.text), with: typed.map(\.text), options: options)
        return zip(zip(correct, typed), found).map { (($0.0.text, $0.1.text), $1) }
    }

    private func check<Texts, Value>(
        _ found: Result<[(Texts, Result<Value, MtlError>)], Error>, expected key: String,
        compare: (Texts, Value, [String: Any]) -> Void
    ) {
        switch found {
        case .failure(let error):
            XCTAssertEqual((error as? MtlError)?.code.rawValue, (expect["error"] as? Int).map(Int32.init), "\(name): \(error)")
        case .success(let rows):
            let wanted = expect[key] as? [[String: Any]] ?? []
            XCTAssertEqual(rows.count, wanted.count, name)
            for ((texts, row), want) in zip(rows, wanted) {
                switch row {
                case .failure(let error): XCTAssertEqual(Int(error.code.rawValue), want["status"] as? Int, "\(name): \(error)")
                case .success(let value):
                    XCTAssertEqual(0, want["status"] as? Int, name)
                    compare(texts, value, want)
                }
            }
        }
    }

    private func compareDocument(_ text: String, _ found: Annotation, _ want: [String: Any]) {
        XCTAssertEqual(found.language, want["language"] as? String, name)
        for unit in units {
            if let counts = want["counts"] as? [Int] {
                XCTAssertEqual([found.sentences.count, found.tokens.count], counts, name)
                let last = found.tokens.suffix(1).map { offsets($0, text, unit) }
                XCTAssertEqual(last, (want["last"] as! [String: [[Int]]])[unit], "\(name), \(unit)")
                continue
            }
            let tokens = found.tokens.map { offsets($0, text, unit) }
            XCTAssertEqual(found.sentences.map(\.upperBound), want["sentences"] as? [Int], name)
            XCTAssertEqual(tokens, (want["tokens"] as! [String: [[Int]]])[unit], "\(name), \(unit)")
            for (task, labels) in want["labels"] as? [String: [String]] ?? [:] {
                XCTAssertEqual(found[task]?.labels ?? found.tokens.map { _ in "-" }, labels, "\(name), \(task)")
                let spans = (want["spans"] as! [String: [String: Any]])[task]!
                XCTAssertEqual(found[task]?.spans.map(\.label) ?? [], spans["labels"] as? [String], "\(name), \(task)")
                XCTAssertEqual((found[task]?.spans ?? []).map { offsets($0.range, text, unit) }, spans[unit] as? [[Int]], "\(name), \(unit)")
            }
        }
    }

    private func comparePair(_ texts: (String, String), _ found: Alignment, _ want: [String: Any]) {
        XCTAssertEqual(found.words.map { $0.mistake ? "1" : "0" }.joined(), want["mistakes"] as? String, name)
        XCTAssertEqual(found.wordErrorRate, want["word_error_rate"] as! Double, accuracy: 1e-6, name)
        var names: [String] = []
        var typed: [Range<String.Index>] = []
        for edit in found.edits {
            switch edit {
            case .match(let word, let place): (names, typed) = (names + ["M\(word)"], typed + [place])
            case .substitute(let word, let place): (names, typed) = (names + ["S\(word)"], typed + [place])
            case .delete(let word): names.append("D\(word)")
            case .insert(let place): (names, typed) = (names + ["I"], typed + [place])
            }
        }
        XCTAssertEqual(names, want["edits"] as? [String], name)
        for unit in units {
            XCTAssertEqual(found.words.map { offsets($0.range, texts.0, unit) }, (want["words"] as! [String: [[Int]]])[unit], "\(name), \(unit)")
            XCTAssertEqual(typed.map { offsets($0, texts.1, unit) }, (want["typed"] as! [String: [[Int]]])[unit], "\(name), \(unit)")
        }
    }
}

private let units = ["bytes", "utf16", "codepoints"]

/// A range as offsets in a unit.
private func offsets(_ range: Range<String.Index>, _ text: String, _ unit: String) -> [Int] {
    [range.lowerBound, range.upperBound].map { index in
        switch unit {
        case "bytes": text.utf8.distance(from: text.startIndex, to: index)
        case "utf16": text.utf16.distance(from: text.startIndex, to: index)
        default: text.unicodeScalars.distance(from: text.startIndex, to: index)
        }
    }
}
