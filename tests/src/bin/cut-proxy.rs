//! The cutting proxy as a command, to stand between any client and any server.

use std::{io::Write as _, net::SocketAddr, process::ExitCode, time::Duration};

use clap::Parser;
use keepline_tests::cut_proxy::{CutProxy, Plan};

/// Forwards TCP and cuts connections in mid-frame, by FIN and by RST, a given number of times.
#[derive(Debug, Parser)]
struct Flags {
    /// Where to listen; port 0 picks one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where the server is.
    #[arg(long)]
    to: SocketAddr,
    /// How many cuts; afterwards everything is forwarded untouched.
    #[arg(long, default_value_t = Plan::default().cuts)]
    cuts: u32,
    /// Draws places, directions and endings; the same seed makes the same cuts.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The fewest bytes a connection carries before its cut.
    #[arg(long, default_value_t = Plan::default().bytes_min)]
    min_bytes: u64,
    /// The most bytes a connection carries before its cut.
    #[arg(long, default_value_t = Plan::default().bytes_max)]
    max_bytes: u64,
    /// Holds each chunk back for so many milliseconds.
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
    /// Makes every third cut a stall of so many milliseconds.
    #[arg(long = "stall", value_name = "MS", default_value_t = 0)]
    stall_ms: u64,
    /// Counts and cuts the HTTP upgrade too.
    #[arg(long)]
    from_first_byte: bool,
}

impl Flags {
    fn plan(&self) -> Plan {
        Plan {
            cuts: self.cuts,
            seed: self.seed,
            bytes_min: self.min_bytes,
            bytes_max: self.max_bytes,
            delay: Duration::from_millis(self.delay_ms),
            stall: Duration::from_millis(self.stall_ms),
            spare_head: !self.from_first_byte,
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let flags = Flags::parse();
    if ![flags.listen, flags.to].iter().all(|addr| addr.ip().is_loopback()) {
        eprintln!("cut-proxy: loopback addresses only");
        return ExitCode::from(2);
    }
    let plan = flags.plan();
    let proxy = match CutProxy::listen(flags.listen, flags.to, plan).await {
        Ok(proxy) => proxy,
        Err(error) => {
            eprintln!("cut-proxy: cannot listen on {}: {error}", flags.listen);
            return ExitCode::FAILURE;
        }
    };
    say(&format!("cut-proxy listening on {}", proxy.addr()));
    let total = flags.cuts as usize;
    let mut said = 0;
    while said < total {
        for (index, cut) in proxy.until(said + 1).await.iter().enumerate().skip(said) {
            say(&format!(
                "cut {} of {total}: {} toward the {} after {} bytes",
                index + 1,
                cut.ending,
                cut.toward,
                cut.carried
            ));
            said = index + 1;
        }
    }
    say(&format!("cut-proxy: {total} cuts done"));
    // From here on it forwards until someone ends it.
    std::future::pending::<ExitCode>().await
}

/// Whoever reads the lines may be gone; that is no reason to stop forwarding.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
