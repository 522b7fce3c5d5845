use keepline_protocol::{Action, Event, Payload, Stream};
use keepline_server::{ActionError, Actions, Owner, PublishError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    peer::{PATIENCE, Peer, fresh_id},
    server::Setup,
};

#[derive(Serialize, Deserialize)]
struct AddNote {
    text: String,
}

#[derive(Serialize, Deserialize)]
struct NoteAdded {
    text: String,
    by: String,
    key: Option<String>,
}

impl Action for AddNote {
    const NAME: &'static str = "note:add:v1";
    type Reply = u64;
}

impl Event for NoteAdded {
    const NAME: &'static str = "note:added:v1";
}

#[derive(Serialize, Deserialize)]
struct Whoami {
    loudly: Option<bool>,
}

impl Action for Whoami {
    const NAME: &'static str = "whoami:v1";
    type Reply = String;
}

fn notes() -> Actions {
    Actions::new()
        .on(|context, AddNote { text }: AddNote| {
            let key = context.action_id().map(|id| id.to_string());
            let by = context.owner().subject.clone();
            let offset = context.append(&Stream::User, &NoteAdded { text: text.clone(), by, key })?;
            match text.as_str() {
                "refused" => Err(ActionError::refuse("NOTE_REFUSED", "not this one")),
                "later" => {
                    Err(ActionError::later("NOTE_LATER", "not now").after(std::time::Duration::from_secs(2)))
                }
                "panic" => panic!("a handler's own fault"),
                _ => Ok(offset),
            }
        })
        .on_raw("note:typing:v1", |context, payload| {
            context.emit_ephemeral("note:typing:v1", payload.clone())?;
            Ok(Payload::null())
        })
        .on_raw("note:large:v1", |context, _| {
            let large = Payload::new(&"x".repeat(70_000)).unwrap();
            context.append_raw(&Stream::User, "note:large:v1", large).map(|_| Payload::null())
        })
        .answer(|owner, Whoami { loudly }: Whoami| match loudly {
            None => Err(ActionError::refuse("NOT_LOUD", "speak up")),
            Some(false) => panic!("a handler's own fault"),
            Some(true) => Ok(owner.subject.to_uppercase()),
        })
        .on_raw("note:all:v1", |_, payload| {
            let bytes = payload.decode().unwrap();
            Ok(Payload::new(&"x".repeat(bytes)).unwrap())
        })
}

#[tokio::test]
async fn a_handler_appends_in_the_actions_transaction() {
    let server = Setup::new().actions(notes()).start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    peer.call("stream:subscribe:v1", &[json!({ "stream": "user" })]).await;
    let id = fresh_id();
    for dup in [Value::Null, json!(true)] {
        let answer = peer.call("note:add:v1", &[json!({ "text": "one" }), json!({ "id": id })]).await;
        assert_eq!((&answer["reply"], &answer["dup"]), (&json!(1), &dup));
    }
    let events = peer.events_so_far().await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].1[0], json!({ "text": "one", "by": "alice", "key": id }));
}

#[tokio::test]
async fn what_a_handler_did_before_it_failed_does_not_stand() {
    let server = Setup::new().actions(notes()).start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    peer.call("stream:subscribe:v1", &[json!({ "stream": "user" })]).await;
    let refused = peer.act("note:add:v1", json!({ "text": "refused" })).await;
    assert_eq!((&refused["error"]["code"], &refused["position"]), (&json!("NOTE_REFUSED"), &json!(1)));
    let later = peer.act("note:add:v1", json!({ "text": "later" })).await;
    let error = &later["error"];
    assert_eq!(
        (&error["code"], &error["retryable"], &error["retry_after_ms"]),
        (&json!("NOTE_LATER"), &json!(true), &json!(2_000))
    );
    assert!(later["position"].is_null());
    let panicked = peer.act("note:add:v1", json!({ "text": "panic" })).await;
    assert_eq!((&panicked["error"]["code"], &panicked["position"]), (&json!("INTERNAL"), &Value::Null));
    let large = peer.act("note:large:v1", Value::Null).await;
    assert_eq!(large["error"]["code"], "TOO_LARGE");
    let shape = peer.act("note:add:v1", json!({ "text": 7 })).await;
    assert_eq!(shape["error"]["code"], "BAD_REQUEST");
    // The offsets and tags of what follows know nothing of it.
    assert_eq!(peer.act("note:add:v1", json!({ "text": "good" })).await["reply"], 1);
    let events = peer.events_so_far().await;
    assert_eq!(events.len(), 1);
    assert_eq!((&events[0].1[0]["text"], &events[0].1[1]["offset"]), (&json!("good"), &json!(1)));
}

#[tokio::test]
async fn failures_in_a_burst_do_not_touch_their_neighbours() {
    let server = Setup::new().actions(notes()).start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    let mut waiting = Vec::new();
    for n in 0..300 {
        let text = match n % 3 {
            0 => format!("note {n}"),
            1 => "refused".to_owned(),
            _ => "later".to_owned(),
        };
        waiting.push(peer.send("note:add:v1", &[json!({ "text": text }), json!({ "id": fresh_id() })]).await);
    }
    let mut positions = Vec::new();
    for id in waiting {
        positions.extend(peer.answer(id).await["position"].as_u64());
    }
    assert_eq!(positions, (1..=200).collect::<Vec<_>>());
    peer.call("stream:subscribe:v1", &[json!({ "stream": "user", "after": 0 })]).await;
    let events = peer.kept_events();
    let texts: Vec<&str> = events.iter().map(|(_, args)| args[0]["text"].as_str().unwrap()).collect();
    assert_eq!(texts, (0..300).step_by(3).map(|n| format!("note {n}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn ephemeral_events_have_no_offset_and_go_to_the_owner_alone() {
    let server = Setup::new().actions(notes()).start();
    let (mut alice, _) = Peer::keepline(&server, "alice").await;
    let mut stock = Peer::stock(&server, "alice").await;
    let (mut bob, _) = Peer::keepline(&server, "bob").await;
    alice.act("note:typing:v1", json!({ "on": true })).await;
    let args = alice.event("note:typing:v1").await;
    assert_eq!(args[0], json!({ "on": true }));
    assert!(args[1]["offset"].is_null() && args[1]["ts"].is_string());
    assert_eq!(stock.event("note:typing:v1").await, [json!({ "on": true })]);
    assert!(bob.events_so_far().await.is_empty());
    let (_, ready) = Peer::keepline(&server, "alice").await;
    assert_eq!(ready["streams"]["user"]["head"], 0);
}

#[tokio::test]
async fn an_app_publishes_from_outside() {
    let server = Setup::new().start();
    let alice = Owner::subject("alice");
    let payload = || Payload::new(&json!({ "n": 1 })).unwrap();
    assert_eq!(server.publisher.append(&alice, Stream::User, "news:v1", payload()).await, Ok(1));
    let (mut peer, ready) = Peer::keepline(&server, "alice").await;
    assert_eq!(ready["streams"]["user"]["head"], 1);
    peer.call("stream:subscribe:v1", &[json!({ "stream": "user" })]).await;
    assert_eq!(server.publisher.append(&alice, Stream::User, "news:v1", payload()).await, Ok(2));
    assert_eq!(peer.event("news:v1").await[1]["offset"], 2);
    let none = server.publisher.append(&alice, Stream::job("none"), "news:v1", payload()).await;
    assert_eq!(none, Err(PublishError::NotFound));
    let large = Payload::new(&"x".repeat(70_000)).unwrap();
    assert_eq!(
        server.publisher.append(&alice, Stream::User, "x:v1", large).await,
        Err(PublishError::TooLarge)
    );
}

#[tokio::test]
async fn without_dev_there_are_no_test_actions() {
    let server = Setup::new().with(|config| config.dev = false).start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    for name in ["test:echo:v1", "test:record:v1", "test:emit:v1", "test:fail:v1", "test:job:v1"] {
        assert_eq!(peer.act(name, json!({})).await["error"]["code"], "UNKNOWN_ACTION");
    }
}

#[tokio::test]
async fn line_breaks_in_every_field_stay_inside_their_field() {
    let server = Setup::new().actions(notes()).start();
    let nasty = "a\r\nb\u{2028}\"c\\";
    let mut auth = server.auth(nasty);
    auth["sdk"] = json!(nasty);
    let (mut peer, ready) = Peer::resume(&server, &auth).await;
    assert_eq!(ready["user"], nasty);
    peer.call("stream:subscribe:v1", &[json!({ "stream": "user" })]).await;
    peer.act("note:add:v1", json!({ "text": nasty })).await;
    let args = peer.event("note:added:v1").await;
    assert_eq!((&args[0]["text"], &args[0]["by"]), (&json!(nasty), &json!(nasty)));
    let emit = json!({ "stream": "user", "name": nasty, "payload": nasty });
    assert_eq!(peer.act("test:emit:v1", emit).await["ok"], true);
    let (name, args) = peer.next_event().await;
    assert_eq!((name.as_str(), &args[0], &args[1]["stream"]), (nasty, &json!(nasty), &json!("user")));
    assert_eq!(peer.act(nasty, json!({})).await["error"]["code"], "UNKNOWN_ACTION");
}

/// Server and client share one thread here, so a session that does not wait for room but asks for it in a loop stands
/// still, and this thread tells.
#[test]
fn answers_larger_than_half_of_the_send_queue_wait_for_their_room() {
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = Setup::new().actions(notes()).start();
            let mut peer = Peer::stock(&server, "alice").await;
            let mut waiting = Vec::new();
            // Less and more than half of what a connection's send queue holds.
            for bytes in [100_000, 450_000].repeat(20) {
                waiting.push((peer.send("note:all:v1", &[json!(bytes)]).await, bytes));
            }
            for (id, bytes) in waiting {
                assert_eq!(peer.answer(id).await["reply"].as_str().map(str::len), Some(bytes));
            }
        });
        done.send(()).unwrap();
    });
    is_done.recv_timeout(PATIENCE).expect("all answers come");
}

#[tokio::test]
async fn an_action_that_changes_nothing_is_answered_at_once_or_by_the_ledger() {
    let server = Setup::new().actions(notes()).start();
    let mut peer = Peer::stock(&server, "alice").await;
    let answer = peer.call("whoami:v1", &[json!({ "loudly": true })]).await;
    assert_eq!((&answer["reply"], &answer["position"]), (&json!("ALICE"), &Value::Null));
    for (payload, code) in [
        (json!({}), "NOT_LOUD"),
        (json!({ "loudly": false }), "INTERNAL"),
        (json!({ "loudly": 1 }), "BAD_REQUEST"),
    ] {
        assert_eq!(peer.call("whoami:v1", &[payload]).await["error"]["code"], code);
    }
    let args = [json!({ "loudly": true }), json!({ "id": fresh_id() })];
    for dup in [Value::Null, json!(true)] {
        let answer = peer.call("whoami:v1", &args).await;
        assert_eq!((&answer["reply"], &answer["position"]), (&json!("ALICE"), &json!(1)));
        assert_eq!(answer["dup"], dup);
    }
}

#[tokio::test]
async fn what_changes_nothing_does_not_wait_for_the_writer() {
    let (held, hold) = std::sync::mpsc::channel::<()>();
    let hold = std::sync::Mutex::new(hold);
    let actions = notes().on_raw("hold:v1", move |_, _| {
        // Until the test lets go, or has failed.
        let _ = hold.lock().unwrap().recv();
        Ok(Payload::null())
    });
    let server = Setup::new().actions(actions).start();
    let mut peer = Peer::stock(&server, "alice").await;
    let holding = peer.send("hold:v1", &[]).await;
    assert_eq!(peer.call("whoami:v1", &[json!({ "loudly": true })]).await["reply"], "ALICE");
    held.send(()).unwrap();
    assert_eq!(peer.answer(holding).await["ok"], true);
}
