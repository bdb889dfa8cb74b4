import ArgumentParser

/// How much a command says, on every command.
struct TalkOptions: ParsableArguments {
    @Flag(name: .shortAndLong, help: "Say nothing but what was asked for, and errors.")
    var quiet = false
}

/// A command that can be told to be quiet. All of them can: a test looks.
protocol Talkative: ParsableCommand {
    var talk: TalkOptions { get }
}
