import Foundation
import Mtl
import XCTest

let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../../..").standardized
let zoo = ProcessInfo.processInfo.environment["MTL_ZOO"].map { URL(fileURLWithPath: $0) } ?? root.appendingPathComponent("models")
let text = "Maria Jensen moved from Copenhagen to Toronto."

final class MtlTests: XCTestCase {
    private func tagger() throws -> Model { try Model(path: zoo.appendingPathComponent("mtl-mobile").path) }
    private func scorer() throws -> Model { try Model(path: zoo.appendingPathComponent("sla-demo").path) }

    private func refuses(_ code: Code, _ words: String, _ call: () throws -> some Any) {
        XCTAssertThrowsError(try call()) { error in
            XCTAssertEqual((error as? MtlError)?.code, code, "\(error)")
            XCTAssertTrue("\(error)".contains(words), "\(error)")
        }
    }

    func testSpansAreRangesOfTheText() throws {
        let shifted = "\u{1F600} e\u{301} " + text
        let found = try tagger().tag([shifted, ""], options: TagOptions(language: "en", scores: true, nbest: 2))
        let document = try found[0].get(), ner = try XCTUnwrap(document["ner"])
        XCTAssertEqual(ner.spans.map { String(shifted[$0.range]) }, ["Maria Jensen", "Copenhagen", "Toronto"])
        XCTAssertEqual(ner.spans.map(\.label), ["PER", "LOC", "LOC"])
        XCTAssertEqual(ner.labels.count, document.tokens.count)
        XCTAssertEqual(ner.scores.count, document.tokens.count)
        XCTAssertEqual(ner.paths.map(\.count), [2])
        XCTAssertEqual(ner.paths[0][0].labels, ner.labels)
        XCTAssertTrue(ner.spans.allSatisfy { (0...1).contains($0.score ?? -1) })
        XCTAssertEqual(try found[1].get().tokens, [])
        let bridged = NSString(string: shifted) as String
        XCTAssertEqual(try tagger().tag([bridged], options: TagOptions(language: "en"))[0].get()["ner"]?.spans.map { String(bridged[$0.range]) },
                       ["Maria Jensen", "Copenhagen", "Toronto"])
    }

    func testTheModelSaysWhatItIs() throws {
        let model = try tagger()
        XCTAssertEqual(model.tasks.map(\.name), ["ner", "upos"])
        XCTAssertTrue(model.tasks[0].labels.contains("B-PER") && model.tasks[0].spanLabels.contains("PER") && model.languages.contains("en"))
        XCTAssertEqual(model.digest.count, 64)
        XCTAssertTrue(model.manifest.contains("mtl-mobile") && model.report.contains("native"))
    }

    func testRefusals() throws {
        let model = try tagger()
        refuses(.io, "check the path") { try Model(path: "nowhere/at-all") }
        refuses(.bundle, "memory") { try Model(bytes: Array("no archive".utf8)) }
        refuses(.argument, "its tasks are") { try model.tag([text], options: TagOptions(tasks: ["nre"])) }
        refuses(.argument, "is a tagger") { try model.score([Exercise(words: ["a"])]) }
        refuses(.argument, "negative") { try model.tag([text], timeout: .seconds(-1)) }
        refuses(.deadline, "allow more time") { try model.tag([String](repeating: text, count: 20_000), timeout: .milliseconds(20)) }
        refuses(.argument, "1024") { try Pool(threads: -1) }
        refuses(.input, "not a stored learner") { try Learner(bytes: [1, 2, 3]) }
        var options = OpenOptions()
        options.kernel = "quantum"
        refuses(.argument, "quantum") { try Model(path: zoo.appendingPathComponent("mtl-mobile").path, options: options) }
        refuses(.argument, "one answer for each") { try align(["a"], with: []) }
    }

    func testCallsShareAModelAndAPool() async throws {
        var options = OpenOptions()
        options.pool = try Pool(threads: 1)
        options.wordCache = 0
        let model = try Model(path: zoo.appendingPathComponent("mtl-mobile").path, options: options)
        let texts = [String](repeating: text, count: 50)
        let expected = try await model.tag(texts)
        try await withThrowingTaskGroup(of: [Result<Annotation, MtlError>].self) { group in
            for _ in 0..<4 { group.addTask { try await model.tag(texts) } }
            for try await found in group { XCTAssertEqual(found, expected) }
        }
    }

    func testACancelledTaskStopsItsCall() async throws {
        let model = try tagger()
        let texts = [String](repeating: text, count: 100_000)
        let task = Task { try await model.tag(texts) }
        try await Task.sleep(for: .milliseconds(100))
        task.cancel()
        do {
            _ = try await task.value
            XCTFail("it was not cancelled")
        } catch is CancellationError {}
        let again = try await model.tag([text])
        XCTAssertNotNil(try again[0].get()["ner"])
    }

    func testLearners() async throws {
        let model = try scorer()
        let exercise = Exercise(words: ["I", "drink", "the", "cold", "water"], user: "new", track: "en_es")
        let before = try await model.score([exercise, Exercise(words: [""], track: "en_es")])
        XCTAssertEqual(try before[0].get().count, 5)
        XCTAssertThrowsError(try before[1].get())
        let learner = try model.adapt([Answered](repeating: Answered(exercise, mistakes: [false, true, false, false, true]), count: 20))
        XCTAssertEqual(learner.user, "new")
        XCTAssertEqual(learner.words, 100)
        XCTAssertEqual(try Learner(bytes: learner.bytes), learner)
        let after = try await model.score([exercise], options: ScoreOptions(learners: [learner]))[0].get()
        XCTAssertGreaterThan(after.reduce(0, +), try before[0].get().reduce(0, +))
        refuses(.argument, "one for each word") { try model.adapt([Answered(exercise, mistakes: [true])]) }
    }
}
