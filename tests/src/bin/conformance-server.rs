//! The server that the public conformance suites of Engine.IO and Socket.IO expect, on Keepline's connection layer:
//! localhost, port 3000, an Engine.IO echo at `/engine.io/`, and Socket.IO at `/socket.io/`.
//!
//! The suites are in the `socketio/socket.io` repository under `docs/engine.io-protocol/v4-test-suite` and
//! `docs/socket.io-protocol/v5-test-suite`.

use keepline_tests::conformance::ConformanceServer;

const PORT: u16 = 3000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let server = ConformanceServer::start(PORT)?;
    let on: Vec<_> = server.addresses().iter().map(|address| address.ip().to_string()).collect();
    println!("conformance-server listening on http://localhost:{PORT} ({})", on.join(", "));
    server.run().await;
    Ok(())
}
