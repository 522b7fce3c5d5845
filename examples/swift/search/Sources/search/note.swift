import Foundation

/// What is about the search, beside its results.
func note(_ text: String) {
    FileHandle.standardError.write(Data("-- \(text)\n".utf8))
}
