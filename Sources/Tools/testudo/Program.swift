import ArgumentParser
import Commands

/// The program `testudo`.
@main
enum Program {
    static func main() async { await TestudoCommand.start() }
}
