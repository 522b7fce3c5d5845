import KeeplineTesting
import KeeplineTypes

// What the test of an app does, without the native library.

let fake = FakeClient()
fake.answer(TestEcho.self) { .accepted($0.payload) }
fake.goOnline()
let outcome = try await fake.submit(TestEcho("hello")).outcome()
guard outcome == .accepted("hello") else { fatalError("\(outcome)") }
print("fake-only: ok")
