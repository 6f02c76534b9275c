import Foundation

/// A question before what cannot be taken back.
enum Confirmation {
    /// Goes on when the person at the terminal types `word`; where there is no terminal, `--yes` has to be said.
    static func ask(_ what: String, _ word: String) throws {
        let isTerminal = isatty(STDIN_FILENO) == 1
        try check(what, word, answer: isTerminal ? typed(what, word) : nil)
    }

    private static func typed(_ what: String, _ word: String) -> String {
        FileHandle.standardError.write(Data("\(what)\nType \(word) to go on: ".utf8))
        return readLine() ?? ""
    }

    /// Refuses an answer that is not the word; nil stands for nobody to ask.
    static func check(_ what: String, _ word: String, answer: String?) throws {
        guard let answer else {
            throw CommandFailure("\(what) Nobody is at a terminal to confirm it", hint: "say --yes when it is meant")
        }
        guard answer.trimmingCharacters(in: .whitespaces) == word else {
            throw CommandFailure("nothing was done: \(word) was not typed")
        }
    }
}
