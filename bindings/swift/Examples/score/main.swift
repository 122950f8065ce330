// score BUNDLE TRACK USER SENTENCE [ANSWER]: prints each word of the sentence with P(mistake) and, once there is an ANSWER,
// whether the learner got it right or wrong.
import Foundation
import Mtl

let arguments = Array(CommandLine.arguments.dropFirst())
guard arguments.count >= 4 else {
    FileHandle.standardError.write(Data("usage: score BUNDLE TRACK USER SENTENCE [ANSWER]\n".utf8))
    exit(2)
}

func words(_ sentence: String) -> [String] { sentence.split(separator: " ").map(String.init) }

do {
    let model = try Model(path: arguments[0])
    let exercise = Exercise(words: words(arguments[3]), user: arguments[2], track: arguments[1])
    let mistakes = try model.score([exercise])[0].get()
    var outcomes = exercise.words.map { _ in "" }
    if arguments.count > 4 {
        let alignment = try align(words: [exercise.words], with: [words(arguments[4])])[0].get()
        outcomes = alignment.words.map { $0.mistake ? "\twrong" : "\tright" }
    }
    for (number, word) in exercise.words.enumerated() {
        print("\(word)\t\(String(format: "%.3f", mistakes[number]))\(outcomes[number])")
    }
} catch {
    FileHandle.standardError.write(Data("\(error)\n".utf8))
    exit(1)
}
