use super::{Figure, Load};
use crate::{
    peers::{Language, Peer, Peers},
    process::ProcessError,
};

/// Measures the Node pair: `echo_round_trip_p50`, `echo_round_trip_p99`, `acks_per_second`, `events_per_second`.
///
/// # Errors
/// [`ProcessError`] where the peers fail.
pub async fn node_pair(peers: &Peers, load: Load) -> Result<Vec<Figure>, ProcessError> {
    let counts = [
        ("--echoes", load.round_trips),
        ("--acks", load.acks),
        ("--window", load.window),
        ("--events", load.events),
        ("--bytes", load.bytes),
    ];
    measure(peers, Language::Node, "pair-bench-client", &counts).await
}

/// Measures `echo_round_trip_p50` of python-socketio against the Node server.
///
/// # Errors
/// [`ProcessError`] where the peers fail.
pub async fn python_to_node(peers: &Peers, load: Load) -> Result<Vec<Figure>, ProcessError> {
    let counts = [("--echoes", load.round_trips), ("--bytes", load.bytes)];
    measure(peers, Language::Python, "bench-client", &counts).await
}

async fn measure(
    peers: &Peers,
    language: Language,
    program: &str,
    counts: &[(&str, usize)],
) -> Result<Vec<Figure>, ProcessError> {
    let server = peers.serve(Language::Node, "pair-bench-server", &[]).await?;
    let counts: Vec<String> =
        counts.iter().flat_map(|(flag, count)| [(*flag).to_owned(), count.to_string()]).collect();
    let mut args = vec!["--url", server.url()];
    args.extend(counts.iter().map(String::as_str));
    figures(peers.start(language, program, &args)?).await
}

async fn figures(mut client: Peer) -> Result<Vec<Figure>, ProcessError> {
    let mut figures = Vec::new();
    while let Some(said) = client.next().await? {
        match serde_json::from_value(said) {
            Ok(figure) => figures.push(figure),
            Err(_) => break,
        }
    }
    if client.process.exit().await?.success() && !figures.is_empty() {
        return Ok(figures);
    }
    let (name, wanted) = ("a benchmark's client".to_owned(), "its figures".to_owned());
    Err(ProcessError::Ended { name, wanted, tail: client.process.tail() })
}
