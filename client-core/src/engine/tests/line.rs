use std::time::Duration;

use keepline_protocol::{
    Payload, names,
    socket_io::{Args, Kind},
};
use serde_json::json;

use super::harness::*;
use crate::{
    command::{Call, Command, Hint},
    engine::{EngineOptions, LinkEvent, TokenFailure, TokenReason},
    error::CallError,
    status::{AuthTrouble, Line, LineTrouble},
};

#[test]
fn states_tell_the_truth_from_idle_to_online() {
    let mut bench = Bench::new();
    assert_eq!(bench.lines, [Line::Idle]);
    bench.go_online();
    assert_eq!(bench.lines, [Line::Idle, Line::Connecting, Line::Online { resumed: true }]);
    bench.command(Command::Disconnect);
    assert_eq!((bench.line(), bench.hang_ups), (&Line::Idle, 1));
}

#[test]
fn the_status_counts_what_waits_and_says_how_long() {
    let mut bench = Bench::with(EngineOptions { attempts_max: 1, ..EngineOptions::default() });
    assert_eq!((bench.pending, bench.parked, bench.oldest), (0, 0, None));
    bench.submit_in("a");
    assert_eq!((bench.pending, bench.oldest), (1, Some(Duration::ZERO)));
    bench.pass(Duration::from_secs(90));
    bench.submit_in("b");
    assert_eq!((bench.pending, bench.oldest), (2, Some(Duration::from_secs(90))));
    bench.go_online();
    let sent = bench.next();
    bench.failed(&sent, "UNAVAILABLE", true);
    assert_eq!((bench.pending, bench.parked), (1, 1));
    assert_eq!(bench.oldest, Some(Duration::ZERO), "a parked action waits for the app, not for the line");
}

#[test]
fn tokens_are_never_stored() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::at(&folder.path().join("queue.db"), EngineOptions::default());
    bench.command(Command::Connect);
    bench.token(Ok("canary"));
    bench.link(LinkEvent::Opened {
        ping_interval: Duration::from_secs(25),
        ping_timeout: Duration::from_secs(10),
        max_payload: None,
    });
    assert_eq!(bench.next().args[0]["token"], "canary", "it was used");
    bench.accept(ready());
    bench.submit_in("a");
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(6).any(|bytes| bytes == b"canary"));
    }
}

#[test]
fn a_loss_waits_below_the_ceiling_and_dials_again() {
    let mut bench = Bench::new();
    bench.go_online();
    for (attempt, ceiling_ms) in
        [(1, 500), (2, 1_000), (3, 2_000), (4, 4_000), (5, 8_000), (6, 10_000), (7, 10_000)]
    {
        bench.link(LinkEvent::Lost { trouble: LineTrouble::Unreachable, retry_after: None });
        let Line::Waiting { retry_in, attempt: shown, reason } = bench.line().clone() else { panic!() };
        assert_eq!((shown, reason), (attempt, LineTrouble::Unreachable));
        assert!(retry_in <= Duration::from_millis(ceiling_ms), "attempt {attempt}: {retry_in:?}");
        let asked = bench.token_asks.len();
        bench.pass(retry_in);
        assert_eq!(bench.token_asks.len(), asked + 1, "each attempt asks for a token");
        bench.token(Ok("t"));
    }
}

#[test]
fn the_delay_is_short_again_only_after_ten_good_seconds() {
    let mut bench = Bench::new();
    bench.go_online();
    for _ in 0..4 {
        bench.lose();
        bench.come_back(ready());
    }
    bench.lose();
    assert!(matches!(bench.line(), Line::Waiting { attempt: 5, .. }));
    bench.come_back(ready());
    bench.pass(Duration::from_secs(10));
    bench.lose();
    assert!(matches!(bench.line(), Line::Waiting { attempt: 1, .. }));
}

#[test]
fn a_line_that_brought_something_comes_back_soon_however_often_it_is_cut() {
    let mut bench = Bench::new();
    bench.go_online();
    for position in 1..=20 {
        bench.submit_in("");
        let sent = bench.next();
        bench.applied(&sent, position);
        bench.lose();
        let Line::Waiting { retry_in, .. } = bench.line().clone() else { panic!("{:?}", bench.line()) };
        assert!(retry_in <= Duration::from_secs(1), "{retry_in:?}");
        bench.come_back(ready_at(position, "ok"));
    }
}

#[test]
fn silence_hangs_up_after_interval_and_timeout() {
    let mut bench = Bench::new();
    bench.go_online();
    bench.pass(Duration::from_secs(30));
    bench.link(LinkEvent::Ping);
    bench.pass(Duration::from_millis(34_999));
    assert_eq!(bench.hang_ups, 0);
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.hang_ups, 1);
}

#[test]
fn a_handshake_that_never_ends_is_dropped() {
    let mut bench = Bench::new();
    bench.dial();
    bench.pass(Duration::from_secs(15));
    assert_eq!(bench.hang_ups, 1);
    assert!(matches!(bench.line(), Line::Waiting { reason: LineTrouble::TimedOut, .. }));
}

#[test]
fn an_idle_line_wakes_for_the_heartbeat_only() {
    let mut bench = Bench::new();
    bench.go_online();
    bench.pass(Duration::from_secs(11));
    bench.link(LinkEvent::Ping);
    assert_eq!(bench.engine.poll_timeout().unwrap().0, bench.now.at + Duration::from_secs(35));
}

#[test]
fn a_refused_token_is_asked_for_anew_once_then_the_app_must_act() {
    let mut bench = Bench::new();
    bench.submit_in("");
    bench.dial();
    let refused = payload(
        &json!({"message": "AUTH_TOKEN_EXPIRED", "data": {"code": "AUTH_TOKEN_EXPIRED", "retryable": true}}),
    );
    bench.receive(Kind::ConnectError(refused.clone()));
    assert_eq!(bench.token_asks, [TokenReason::Connect, TokenReason::Refused]);
    bench.open_link();
    bench.receive(Kind::ConnectError(refused));
    let code = "AUTH_TOKEN_EXPIRED".to_owned();
    assert_eq!(bench.line(), &Line::AuthRequired { reason: AuthTrouble::TokenRefused { code } });
    bench.pass(Duration::from_secs(3_600));
    assert_eq!((bench.token_asks.len(), bench.pending), (2, 1), "nothing is tried, the queue is kept");
    bench.go_online();
    assert_eq!(bench.waiting(), 1);
}

#[test]
fn a_refusal_is_read_in_all_three_forms() {
    for form in [json!({"message": "no", "data": {"own": 1}}), json!({"message": "no"}), json!("no")] {
        let mut bench = Bench::new();
        bench.dial();
        bench.receive(Kind::ConnectError(payload(&form)));
        assert_eq!(bench.token_asks, [TokenReason::Connect, TokenReason::Refused], "{form}");
    }
}

#[test]
fn a_provider_that_never_answers_does_not_hold_the_line_for_ever() {
    let mut bench = Bench::new();
    bench.command(Command::Connect);
    bench.pass(Duration::from_secs(30));
    assert!(matches!(bench.line(), Line::Waiting { reason: LineTrouble::TokenUnavailable, .. }));
}

#[test]
fn signed_out_means_auth_required() {
    let mut bench = Bench::new();
    bench.command(Command::Connect);
    bench.token(Err(TokenFailure::SignedOut));
    assert_eq!(bench.line(), &Line::AuthRequired { reason: AuthTrouble::SignedOut });
}

#[test]
fn a_token_is_refreshed_in_band_ahead_of_its_end() {
    let mut bench = Bench::new();
    bench.go_online();
    bench.event(names::AUTH_EXPIRING, &[json!({"expires_at": "2030-01-01T00:00:00Z"})]);
    assert_eq!(bench.token_asks.last(), Some(&TokenReason::Expiring));
    bench.token(Ok("fresh"));
    let refresh = bench.next();
    assert_eq!((refresh.name.as_str(), &refresh.args[0]["token"]), (names::AUTH_REFRESH, &json!("fresh")));
    bench.ack(&refresh, &json!({"ok": true, "expires_at": "2030-01-01T01:00:00Z"}));
    assert!(matches!(bench.line(), Line::Online { .. }));
}

#[test]
fn an_expired_session_comes_back_with_a_new_token() {
    let mut bench = Bench::new();
    bench.go_online();
    bench.event(names::AUTH_EXPIRED, &[json!({})]);
    assert!(matches!(bench.line(), Line::Waiting { reason: LineTrouble::TokenExpired, .. }));
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.token_asks.len(), 2);
}

#[test]
fn a_draining_server_gets_nothing_new_and_is_left_when_it_has_answered() {
    let mut bench = Bench::new();
    bench.go_online();
    bench.submit_in("");
    let sent = bench.next();
    bench.event(names::SERVER_DRAINING, &[json!({"retry_after_ms": 1_000, "spread_ms": 500})]);
    bench.submit_in("");
    assert_eq!((bench.waiting(), bench.hang_ups), (0, 0));
    bench.applied(&sent, 1);
    assert_eq!(bench.hang_ups, 1);
    let Line::Waiting { retry_in, reason: LineTrouble::Draining, .. } = bench.line().clone() else {
        panic!()
    };
    assert!((1_000..=1_500).contains(&retry_in.as_millis()), "{retry_in:?}");
}

#[test]
fn a_draining_server_that_does_not_answer_is_left_after_five_seconds() {
    let mut bench = Bench::new();
    bench.go_online();
    bench.submit_in("");
    bench.event(names::SERVER_DRAINING, &[json!({"retry_after_ms": 1_000, "spread_ms": 500})]);
    bench.pass(Duration::from_millis(4_999));
    assert_eq!(bench.hang_ups, 0);
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.hang_ups, 1);
}

#[test]
fn a_busy_server_says_when() {
    let mut bench = Bench::new();
    bench.dial();
    let refused = json!({"message": "RATE_LIMITED", "data": {"code": "RATE_LIMITED", "retryable": true, "retry_after_ms": 3_000}});
    bench.receive(Kind::ConnectError(payload(&refused)));
    let Line::Waiting { retry_in, reason: LineTrouble::Busy, .. } = bench.line().clone() else { panic!() };
    assert!((3_000..=6_000).contains(&retry_in.as_millis()));
}

#[test]
fn hints_wait_for_the_network_cut_waits_short_and_probe() {
    let mut bench = Bench::new();
    bench.go_online();
    bench.hint(Hint::NetworkLost);
    assert_eq!(bench.line(), &Line::Offline);
    bench.pass(Duration::from_secs(600));
    assert_eq!(bench.dials, 1);
    bench.come_back(ready());
    assert!(matches!(bench.line(), Line::Online { .. }));
    bench.hint(Hint::Foreground);
    assert_eq!(bench.probes, 1);
    bench.link(LinkEvent::Alive);
    bench.pass(Duration::from_secs(6));
    assert_eq!(bench.hang_ups, 1, "an answered probe drops nothing");
    bench.hint(Hint::Foreground);
    bench.pass(Duration::from_secs(5));
    assert_eq!(bench.hang_ups, 2, "an unanswered one does");
    bench.hint(Hint::Foreground);
    assert_eq!(bench.line(), &Line::Connecting, "a wait is cut short");
}

#[test]
fn hints_that_go_on_do_not_keep_a_dead_line() {
    let mut bench = Bench::new();
    bench.go_online();
    for _ in 0..5 {
        bench.hint(Hint::Foreground);
        bench.pass(Duration::from_secs(1));
    }
    assert_eq!((bench.probes, bench.hang_ups), (1, 1), "five seconds after the first hint");
}

#[test]
fn a_token_of_somebody_else_sends_nothing() {
    let mut bench = Bench::new();
    bench.go_online();
    bench.lose();
    bench.submit_in("");
    let mut ready = ready();
    ready["user"] = "mallory".into();
    bench.come_back(ready);
    assert_eq!(bench.line(), &Line::AuthRequired { reason: AuthTrouble::AccountMismatch });
    assert_eq!(bench.waiting(), 0);
}

#[test]
fn calls_are_online_only_and_time_out() {
    let mut bench = Bench::new();
    let mut offline = bench.call("ask:v1", Duration::from_secs(1));
    assert_eq!(offline.try_recv().unwrap(), Err(CallError::NotOnline));
    bench.go_online();
    let mut answered = bench.call("ask:v1", Duration::from_secs(1));
    let sent = bench.next();
    bench.ack(&sent, &json!({"ok": true, "reply": {"x": 1}}));
    assert_eq!(answered.try_recv().unwrap().unwrap().payload, Payload::parse("{\"x\":1}").unwrap());
    let mut late = bench.call("ask:v1", Duration::from_secs(1));
    bench.pass(Duration::from_secs(1));
    assert_eq!(late.try_recv().unwrap(), Err(CallError::TimedOut));
    let mut lost = bench.call("ask:v1", Duration::from_secs(1));
    bench.lose();
    assert_eq!(lost.try_recv().unwrap(), Err(CallError::TimedOut));
}

#[test]
fn a_stalled_socket_bounds_what_waits_for_it() {
    let mut bench = Bench::new();
    bench.go_online();
    bench.is_stalled = true;
    let mut calls: Vec<_> = (0..1_024).map(|_| bench.call("ask:v1", Duration::from_secs(1))).collect();
    let mut beyond = bench.call("ask:v1", Duration::from_secs(1));
    assert_eq!(beyond.try_recv().unwrap(), Err(CallError::Busy), "so many wait for their answers");
    bench.pass(Duration::from_secs(1));
    assert!(calls.iter_mut().all(|call| call.try_recv().unwrap() == Err(CallError::TimedOut)));
    let mut beyond = bench.call("ask:v1", Duration::from_secs(1));
    assert_eq!(beyond.try_recv().unwrap(), Err(CallError::Busy), "their packets still wait for the socket");
    assert!(!emit(&mut bench));
    bench.is_stalled = false;
    bench.drain();
    let mut taken = bench.call("ask:v1", Duration::from_secs(1));
    assert!(taken.try_recv().is_err(), "waits for its answer");
    assert!(emit(&mut bench));
}

#[test]
fn a_stalled_socket_bounds_the_bytes_that_wait_for_it() {
    let mut bench = Bench::new();
    bench.go_online();
    bench.is_stalled = true;
    let (mut taken, large) = (0, "x".repeat(65_000));
    let refused = loop {
        let (answer, mut receiver) = tokio::sync::oneshot::channel();
        let args = Args::event("ask:v1").value(&large).unwrap().build();
        bench.command(Command::Call {
            call: Box::new(Call { args, timeout: Duration::from_secs(1) }),
            answer,
        });
        match receiver.try_recv() {
            Ok(result) => break result,
            Err(_) => taken += 1,
        }
    };
    assert_eq!(refused, Err(CallError::Busy));
    assert!((256..1_024).contains(&taken), "{taken} calls of 65 kB wait");
}

fn emit(bench: &mut Bench) -> bool {
    let args = Args::event("typing:v1").build();
    bench.ask(|answer| Command::Emit { args, answer })
}

#[test]
fn a_volatile_action_is_written_or_dropped() {
    let mut bench = Bench::new();
    assert!(!emit(&mut bench));
    bench.go_online();
    assert!(emit(&mut bench));
    assert_eq!(bench.next().ack, None);
}

#[test]
fn signing_out_keeps_or_discards() {
    let mut bench = Bench::with(EngineOptions::default());
    bench.go_online();
    let id = bench.submit_in("");
    bench.ask(|answer| Command::SignOut { discard: false, answer }).unwrap();
    assert_eq!((bench.line(), bench.pending), (&Line::Idle, 0));
    bench.sent.clear();
    bench.go_online();
    assert_eq!(bench.next().meta().id, id, "kept for when alice comes back");
    bench.ask(|answer| Command::SignOut { discard: true, answer }).unwrap();
    bench.sent.clear();
    bench.go_online();
    assert_eq!(bench.waiting(), 0);
}

#[test]
fn diagnostics_have_states_and_no_payload() {
    let mut bench = Bench::new();
    bench.submit_in("");
    bench.go_online();
    let report = bench.ask(|answer| Command::Diagnostics { answer }).to_string();
    assert!(report.contains("\"states\":[") && report.contains("online"));
    assert!(!report.contains("\"n\":1") && !report.contains("alice"));
}
