import Foundation
import Keepline
import Support
import Testing

extension Scenarios {
    @Test func talksToAStockSocketioServer() async throws {
        struct Tick: EventType {
            static let name = "tick"
            let n: Int
        }
        try await scenario("talks_to_a_stock_socketio_server") {
            let database = try Database()
            let server = try await Host.stock()
            let asked = Counter()
            let provider: TokenProvider = { _ in "good-\(asked.increase())" }
            let client = try await Client.open(server.configuration(database.path, token: .provider(provider)))
            let events = try client.events(.user)
            try client.connect()

            let echo = try await client.submitRaw("echo", Arguments("hello"))
            let echoed = try #require(try await soon { try await echo.outcome() }.reply)
            try #require(try echoed.decode(String.self) == "hello")

            let bytes = Data([0, 1, 2, 254, 255])
            let binary = try await client.submitRaw("binary", Arguments(Attachment(0), attachments: [bytes]))
            let same = try #require(try await soon { try await binary.outcome() }.reply)
            try #require(same.attachments == [bytes])

            _ = try await client.submitRaw("events", Arguments(["count": 3]))
            let ticks = try await soon {
                var ticks: [Int] = []
                for await event in events {
                    guard case .raw(let envelope) = event, let tick = try envelope.decode(Tick.self) else { continue }
                    ticks.append(tick.n)
                    if ticks.count == 3 { break }
                }
                return ticks
            }
            try #require(ticks == [1, 2, 3])
            await client.shutdown()
            // A handler that gets what it does not expect ends the server with another code.
            try #require(try await server.stop() == 0)
            try await server.remove()
        }
    }
}
