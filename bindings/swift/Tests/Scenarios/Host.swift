import Foundation
import Keepline
import Support

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// The program that starts, kills and restarts real servers for the scenarios. `tests/scenarios.md` has its calls.
enum Host {
    /// A Keepline server of its own with an empty data folder. Its token's subject is `dev`.
    static func server(_ arguments: String..., running: Bool = true) async throws -> Server {
        // A server has a token once it has run, so one that is to be away has been there before.
        let server = try await start("/servers", ["args": .array(arguments.map(JSON.string))])
        if !running { try await server.stop() }
        return server
    }

    /// A stock Node server. Its tokens are `good-1`, `good-2` and so on.
    static func stock() async throws -> Server {
        try await start("/stock", [:])
    }

    private static func start(_ path: String, _ wish: JSON) async throws -> Server {
        try JSONDecoder().decode(Server.self, from: try await call("POST", path, wish))
    }

    @discardableResult
    static func call(_ method: String, _ path: String, _ body: JSON = [:]) async throws -> Data {
        guard let address = ProcessInfo.processInfo.environment["KEEPLINE_SCENARIO_HOST"],
            let url = URL(string: address + path)
        else { throw HostError.notSet }
        var request = URLRequest(url: url)
        request.httpMethod = method
        request.timeoutInterval = 70
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        request.httpBody = try JSONEncoder().encode(body)
        let (data, response) = try await URLSession.shared.data(for: request)
        guard let status = (response as? HTTPURLResponse)?.statusCode, status < 300 else {
            throw HostError.refused(String(decoding: data, as: UTF8.self))
        }
        return data
    }
}

/// Why the host did not do what it was asked for.
enum HostError: Error {
    case notSet
    case refused(String)
}

/// A server of the host. It is ended with the host.
struct Server: Decodable, Sendable {
    let id: String
    let url: String
    let token: String?

    func start() async throws { try await Host.call("POST", "/servers/\(id)/start") }
    func kill() async throws { try await Host.call("POST", "/servers/\(id)/kill") }
    /// Listens on and answers nothing, until it is removed.
    func freeze() async throws { try await Host.call("POST", "/servers/\(id)/freeze") }
    func remove() async throws { try await Host.call("DELETE", "/servers/\(id)") }

    /// Gives the exit code.
    @discardableResult
    func stop() async throws -> Int {
        struct Answer: Decodable { let code: Int }
        return try JSONDecoder().decode(Answer.self, from: try await Host.call("POST", "/servers/\(id)/stop")).code
    }

    /// A token for a subject, good for `ttl`, such as `2s`. The server has to run.
    func token(for subject: String = "dev", ttl: String = "1h") async throws -> String {
        struct Answer: Decodable { let token: String }
        let wish: JSON = ["sub": .string(subject), "ttl": .string(ttl)]
        let answer = try await Host.call("POST", "/servers/\(id)/token", wish)
        return try JSONDecoder().decode(Answer.self, from: answer).token
    }

    /// How a client finds it.
    func configuration(_ database: String, token: Configuration.Token? = nil) -> Configuration {
        Configuration(url: url, database: database, token: token ?? .fixed(self.token ?? "good-1"))
    }
}
