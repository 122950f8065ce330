// tag BUNDLE TEXT...: prints the names in each text.
import Foundation
import Mtl

let arguments = CommandLine.arguments.dropFirst()
guard let bundle = arguments.first, arguments.count > 1 else {
    FileHandle.standardError.write(Data("usage: tag BUNDLE TEXT...\n".utf8))
    exit(2)
}
do {
    let model = try Model(path: bundle)
    let texts = Array(arguments.dropFirst())
    for (text, document) in zip(texts, try model.tag(texts, options: TagOptions(tasks: ["ner"]))) {
        for span in try document.get()["ner"]?.spans ?? [] {
            print(span.label, text[span.range], separator: "\t")
        }
    }
} catch {
    FileHandle.standardError.write(Data("\(error)\n".utf8))
    exit(1)
}
