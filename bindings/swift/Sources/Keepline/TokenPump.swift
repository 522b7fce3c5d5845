import KeeplineCore
import KeeplineTypes

/// Answers the core's questions for a token with what the app's provider gives. The core asks one at a time.
final class TokenPump: Sendable {
    private let questions: CoreTokenSource

    init(_ questions: CoreTokenSource, _ provider: @escaping TokenProvider) {
        self.questions = questions
        Task.detached {
            // A provider that never answers must not hold up the next question: the core gives it up after 30 s, and
            // asks again. So each answer is a task of its own, and a new question ends the one before.
            var answering: Task<Void, Never>?
            while let question = try? await questions.nextQuestion() {
                answering?.cancel()
                answering = Task { await Self.answer(question, provider) }
            }
            answering?.cancel()
        }
    }

    /// No question is answered any more. A provider that is under way is cancelled, and not waited for.
    func end() {
        try? questions.end()
    }

    private static func answer(_ question: CoreTokenQuestion, _ provider: TokenProvider) async {
        let reason = (try? question.reason()).map(TokenReason.init) ?? .connect
        do {
            try question.resolve(token: try await provider(reason))
        } catch is SignedOut {
            try? question.reject(trouble: .signedOut)
        } catch {
            if !Task.isCancelled {
                // The error's text is the app's own and could have a token in it.
                Log.write(.error, "the token provider threw", ["error": "\(type(of: error))"])
            }
            try? question.reject(trouble: .unavailable)
        }
    }
}
