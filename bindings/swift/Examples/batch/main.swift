// batch BUNDLE < TEXTS: tags a stream of texts, one a line, many a call and several calls at once, in their order.
import Foundation
import Mtl

let documentsPerCall = 256
let callsAtOnce = 2

/// The next lines of standard input, at most `documentsPerCall`.
func lines() -> [String] {
    var texts: [String] = []
    while texts.count < documentsPerCall, let line = readLine() { texts.append(line) }
    return texts
}

/// Prints what was found in texts, the first of which is number `first`.
func show(_ documents: [Result<Annotation, MtlError>], of texts: [String], from first: Int) {
    for (offset, (text, document)) in zip(texts, documents).enumerated() {
        switch document {
        case .failure(let error): FileHandle.standardError.write(Data("line \(first + offset): \(error)\n".utf8))
        case .success(let annotation):
            for (task, tags) in annotation.tags.sorted(by: { $0.key < $1.key }) {
                for span in tags.spans { print(first + offset, task, span.label, text[span.range], separator: "\t") }
            }
        }
    }
}

func run(_ bundle: String) async throws {
    let model = try Model(path: bundle)
    var running: [(texts: [String], call: Task<[Result<Annotation, MtlError>], Error>)] = []
    var first = 1
    while true {
        let texts = lines()
        if !texts.isEmpty { running.append((texts, Task { try await model.tag(texts) })) }
        guard running.count > callsAtOnce || texts.isEmpty else { continue }
        guard !running.isEmpty else { return }
        let next = running.removeFirst()
        show(try await next.call.value, of: next.texts, from: first)
        first += next.texts.count
    }
}

guard CommandLine.arguments.count == 2 else {
    FileHandle.standardError.write(Data("usage: batch BUNDLE < TEXTS\n".utf8))
    exit(2)
}
do {
    try await run(CommandLine.arguments[1])
} catch {
    FileHandle.standardError.write(Data("\(error)\n".utf8))
    exit(1)
}
