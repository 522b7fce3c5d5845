use std::time::Duration;

use keepline_protocol::{Tag, limits::STREAMS_MAX};
use keepline_server::{Retention, StorageMode};
use serde_json::{Value, json};

use crate::{
    peer::{Peer, fresh_id},
    server::{Setup, TestServer},
};

fn emit(n: i64) -> Value {
    json!({ "n": n })
}

async fn subscribe(peer: &mut Peer, page: Value) -> Value {
    peer.call("stream:subscribe:v1", &[page]).await
}

fn offsets(events: &[(String, Vec<Value>)]) -> Vec<u64> {
    events.iter().map(|(_, args)| args[1]["offset"].as_u64().unwrap()).collect()
}

fn cursor_of(event: &(String, Vec<Value>)) -> Value {
    let meta = &event.1[1];
    json!({ "epoch": meta["epoch"], "offset": meta["offset"], "tag": meta["tag"] })
}

/// A job of that many ticks, done, and its id.
async fn finished_job(peer: &mut Peer, events: u64) -> String {
    let job = peer.act("test:job:v1", json!({ "events": events })).await["reply"]["job"]
        .as_str()
        .unwrap()
        .to_owned();
    // Its own stream: the user's may be trimmed beyond the notice of its end.
    let stream = format!("job:{job}");
    let answer = subscribe(peer, json!({ "stream": stream, "after": 0 })).await;
    if answer["reset"]["snapshot"]["status"] != "completed" {
        peer.events_until(&stream, "job:completed:v1").await;
    }
    peer.call("stream:unsubscribe:v1", &[json!({ "stream": stream })]).await;
    peer.kept_events();
    job
}

/// The stream of a job that is done, and all of it read.
async fn read_job(peer: &mut Peer, job: Value) -> String {
    let reply = peer.act("test:job:v1", job).await["reply"].clone();
    let stream = format!("job:{}", reply["job"].as_str().unwrap());
    peer.subscribe_from_start(&stream).await;
    peer.events_until(&stream, "job:completed:v1").await;
    stream
}

#[tokio::test]
async fn metas_name_an_unbroken_tagged_row() {
    let server = TestServer::start();
    let (mut peer, ready) = Peer::keepline(&server, "alice").await;
    let user = &ready["streams"]["user"];
    assert_eq!(
        (&user["status"], &user["head"], &user["tag"]),
        (&json!("ok"), &json!(0), &json!("0000000000000000"))
    );
    let answer = subscribe(&mut peer, json!({ "stream": "user" })).await;
    assert_eq!(
        (&answer["ok"], &answer["status"], &answer["more"]),
        (&json!(true), &json!("ok"), &json!(false))
    );
    let mut tag = Tag::START;
    for n in 0..20 {
        peer.act("test:record:v1", emit(n)).await;
        let (name, args) = peer.next_event().await;
        let meta = &args[1];
        assert_eq!((meta["stream"].as_str(), meta["offset"].as_i64()), (Some("user"), Some(n + 1)));
        assert_eq!(meta["epoch"], user["epoch"]);
        assert!(meta["ts"].as_str().unwrap().ends_with('Z'));
        // The tag is over the payload's text as it was stored; the server writes its own without spaces.
        let text = format!("{{\"n\":{n},\"action\":{}}}", args[0]["action"]);
        tag = tag.next(name.as_bytes(), text.as_bytes());
        assert_eq!(meta["tag"], tag.to_string());
    }
}

#[tokio::test]
async fn a_page_at_a_time_then_live() {
    let server = TestServer::start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    for n in 0..10 {
        peer.act("test:record:v1", emit(n)).await;
    }
    assert!(peer.events_so_far().await.is_empty(), "nobody has subscribed");
    let answer = subscribe(&mut peer, json!({ "stream": "user", "after": 2, "limit": 3 })).await;
    assert_eq!((&answer["from"], &answer["head"], &answer["more"]), (&json!(2), &json!(10), &json!(true)));
    assert_eq!(offsets(&peer.events_so_far().await), [3, 4, 5]);
    // Not live before the last page.
    peer.act("test:record:v1", emit(10)).await;
    assert!(peer.events_so_far().await.is_empty());
    let answer = subscribe(&mut peer, json!({ "stream": "user", "after": 5, "limit": 500 })).await;
    assert_eq!((&answer["head"], &answer["more"]), (&json!(11), &json!(false)));
    assert_eq!(offsets(&peer.events_so_far().await), [6, 7, 8, 9, 10, 11]);
    peer.act("test:record:v1", emit(11)).await;
    assert_eq!(peer.next_event().await.1[1]["offset"], 12);
    let answer = peer.call("stream:unsubscribe:v1", &[json!({ "stream": "user" })]).await;
    assert_eq!(answer["ok"], true);
    peer.act("test:record:v1", emit(12)).await;
    assert!(peer.events_so_far().await.is_empty());
}

#[tokio::test]
async fn a_page_of_many_events_comes_whole_before_its_answer() {
    let setup = || Setup::new().with(|config| config.retention.job_log_max = 2_000);
    let inline = setup().with(|config| config.storage = StorageMode::Inline);
    for server in [setup().start(), inline.start()] {
        let (mut peer, _) = Peer::keepline(&server, "alice").await;
        let stream = read_job(&mut peer, json!({ "events": 1_200 })).await;
        for (after, limit, count) in [(0, 500, 500), (500, 64, 64), (564, 65, 65), (629, 500, 500)] {
            let page = json!({ "stream": stream, "after": after, "limit": limit });
            let answer = subscribe(&mut peer, page).await;
            // All of the page was there before the answer, and nothing behind it.
            let kept: Vec<_> = peer.kept_events().into();
            assert_eq!(offsets(&kept), (after + 1..=after + count).collect::<Vec<_>>());
            let expected = json!([after, 1_202, true]);
            assert_eq!(json!([answer["from"], answer["head"], answer["more"]]), expected);
        }
        let answer = subscribe(&mut peer, json!({ "stream": stream, "after": 1_129 })).await;
        let kept: Vec<_> = peer.kept_events().into();
        assert_eq!(offsets(&kept), (1_130..=1_202).collect::<Vec<_>>());
        assert_eq!(json!([answer["from"], answer["head"], answer["more"]]), json!([1_129, 1_202, false]));
        peer.hang_up().await;
    }
}

#[tokio::test]
async fn a_peer_that_asks_for_pages_and_reads_none_gets_each_in_its_order() {
    let server = TestServer::start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    let stream = read_job(&mut peer, json!({ "events": 600, "bytes": 8_000 })).await;
    // Some fifty megabytes in all, far beyond what the send queue and the sockets hold.
    let mut asked = Vec::new();
    for _ in 0..200 {
        asked.push(peer.send("stream:subscribe:v1", &[json!({ "stream": stream, "after": 100 })]).await);
    }
    for id in asked {
        let answer = peer.answer(id).await;
        assert_eq!((&answer["from"], &answer["more"]), (&json!(100), &json!(true)));
        let kept = offsets(&Vec::from(peer.kept_events()));
        assert_eq!(kept, (101..=100 + kept.len() as u64).collect::<Vec<_>>());
        assert_eq!(kept.len(), 32, "what has 256 KiB of payload");
    }
}

#[tokio::test]
async fn without_a_place_the_user_stream_begins_at_its_head_and_a_job_at_its_beginning() {
    let server = TestServer::start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    peer.act("test:record:v1", emit(0)).await;
    let answer = subscribe(&mut peer, json!({ "stream": "user" })).await;
    assert_eq!((&answer["from"], &answer["head"]), (&json!(1), &json!(1)));
    peer.call("stream:unsubscribe:v1", &[json!({ "stream": "user" })]).await;
    let job = finished_job(&mut peer, 3).await;
    let answer = subscribe(&mut peer, json!({ "stream": format!("job:{job}") })).await;
    assert_eq!((&answer["from"], &answer["more"]), (&json!(0), &json!(false)));
    let events = peer.events_so_far().await;
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["job:created:v1", "test:tick:v1", "test:tick:v1", "test:tick:v1", "job:completed:v1"]);
    assert_eq!(offsets(&events), [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn resumed_at_the_head_a_stream_is_live_at_once() {
    let server = TestServer::start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    subscribe(&mut peer, json!({ "stream": "user" })).await;
    peer.act("test:record:v1", emit(0)).await;
    let taken = peer.next_event().await;
    peer.hang_up().await;
    let mut auth = server.auth("alice");
    auth["resume"] = json!({ "user": cursor_of(&taken) });
    let (mut peer, ready) = Peer::resume(&server, &auth).await;
    assert_eq!(
        (&ready["streams"]["user"]["status"], &ready["streams"]["user"]["head"]),
        (&json!("ok"), &json!(1))
    );
    peer.act("test:record:v1", emit(1)).await;
    assert_eq!(peer.next_event().await.1[1]["offset"], 2);
}

#[tokio::test]
async fn resumed_behind_the_head_a_stream_waits_to_be_pulled() {
    let server = TestServer::start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    subscribe(&mut peer, json!({ "stream": "user" })).await;
    peer.act("test:record:v1", emit(0)).await;
    let taken = peer.next_event().await;
    peer.call("stream:unsubscribe:v1", &[json!({ "stream": "user" })]).await;
    peer.act("test:record:v1", emit(1)).await;
    let mut auth = server.auth("alice");
    auth["resume"] = json!({ "user": cursor_of(&taken) });
    let (mut peer, ready) = Peer::resume(&server, &auth).await;
    assert_eq!(
        (&ready["streams"]["user"]["status"], &ready["streams"]["user"]["head"]),
        (&json!("ok"), &json!(2))
    );
    peer.act("test:record:v1", emit(2)).await;
    assert!(peer.events_so_far().await.is_empty(), "a gap would follow");
    subscribe(
        &mut peer,
        json!({ "stream": "user", "epoch": taken.1[1]["epoch"], "after": 1, "tag": taken.1[1]["tag"] }),
    )
    .await;
    assert_eq!(offsets(&peer.events_so_far().await), [2, 3]);
}

#[tokio::test]
async fn each_reset_has_its_reason() {
    let server = Setup::new().with(|config| config.retention.user_log_max = 4).start();
    let (mut peer, ready) = Peer::keepline(&server, "alice").await;
    let epoch = ready["streams"]["user"]["epoch"].clone();
    subscribe(&mut peer, json!({ "stream": "user" })).await;
    let mut tags = vec![json!("0000000000000000")];
    for n in 0..10 {
        peer.act("test:record:v1", emit(n)).await;
        tags.push(peer.next_event().await.1[1]["tag"].clone());
    }
    let place = |offset: usize, tag: &Value| json!({ "epoch": epoch, "offset": offset, "tag": tag });
    let cases = [
        (place(10, &tags[10]), None),
        (place(8, &tags[8]), None),
        // Exactly at the last trimmed event: its tag was kept.
        (place(6, &tags[6]), None),
        (place(5, &tags[5]), Some("trimmed")),
        (place(0, &tags[0]), Some("trimmed")),
        (place(11, &tags[10]), Some("ahead")),
        (place(9, &tags[8]), Some("epoch_changed")),
        (place(6, &tags[7]), Some("epoch_changed")),
        (place(10, &tags[9]), Some("epoch_changed")),
        (json!({ "epoch": "another", "offset": 10, "tag": tags[10] }), Some("epoch_changed")),
    ];
    for (cursor, reason) in cases {
        let mut auth = server.auth("alice");
        auth["resume"] = json!({ "user": cursor });
        let (mut other, ready) = Peer::resume(&server, &auth).await;
        let at_connect = &ready["streams"]["user"];
        let page = json!({
            "stream": "user", "epoch": cursor["epoch"], "after": cursor["offset"], "tag": cursor["tag"],
        });
        let at_subscribe = subscribe(&mut other, page).await;
        for answer in [at_connect, &at_subscribe] {
            let Some(reason) = reason else {
                assert_eq!(answer["status"], "ok", "{cursor}");
                continue;
            };
            assert_eq!(
                (&answer["status"], &answer["reset"]["reason"]),
                (&json!("reset"), &json!(reason)),
                "{cursor}"
            );
            assert_eq!((&answer["reset"]["offset"], &answer["reset"]["tag"]), (&json!(10), &tags[10]));
            assert_eq!(answer["reset"]["epoch"], epoch);
            assert_eq!(answer["reset"]["snapshot"], json!({ "jobs": [] }));
        }
        if reason.is_some() {
            assert!(other.events_so_far().await.is_empty());
        }
    }
}

#[tokio::test]
async fn snapshot_and_later_events_add_up() {
    let server = Setup::new().with(|config| config.retention.job_log_max = 100).start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    let job = peer.act("test:job:v1", json!({ "events": 3_000 })).await["reply"]["job"]
        .as_str()
        .unwrap()
        .to_owned();
    let stream = format!("job:{job}");
    // However far the job is by now, and however often it is asked on the way.
    let mut ended = false;
    while !ended {
        let answer = subscribe(&mut peer, json!({ "stream": stream, "after": 0 })).await;
        let mut ticks = 0;
        if answer["status"] == "reset" {
            let snapshot = &answer["reset"]["snapshot"];
            assert_eq!((&snapshot["job"], &snapshot["kind"]), (&json!(job), &json!("test")));
            ticks = snapshot["events"].as_u64().unwrap();
            // The created event is the first of the log, the end the last.
            let end = u64::from(snapshot["status"] == "completed");
            assert_eq!(answer["reset"]["offset"].as_u64().unwrap(), 1 + ticks + end);
            assert_eq!(answer["reset"]["reason"], "trimmed");
            ended = end == 1;
        }
        if !ended {
            let events = peer.events_until(&stream, "job:completed:v1").await;
            // Live is a hint: where the log was trimmed before a slow reader came to it, the reader sees the gap and
            // asks again.
            let mut is_whole = true;
            for (name, args) in &events {
                if name == "test:tick:v1" && is_whole {
                    is_whole = args[0]["index"] == ticks;
                    ticks += u64::from(is_whole);
                }
            }
            if !is_whole {
                continue;
            }
            ended = true;
        }
        assert_eq!(ticks, 3_000);
    }
    let answer = subscribe(&mut peer, json!({ "stream": stream, "after": 0 })).await;
    assert_eq!(answer["reset"]["snapshot"]["status"], "completed");
    assert_eq!(answer["reset"]["snapshot"]["events"], 3_000);
}

#[tokio::test]
async fn a_removed_stream_is_gone_and_a_strange_one_unknown() {
    let setup = Setup::new().with(|config| config.retention.job_log_age = Duration::from_secs(3_600));
    let server = setup.start();
    let (mut peer, ready) = Peer::keepline(&server, "alice").await;
    let job = finished_job(&mut peer, 2).await;
    let stream = format!("job:{job}");
    let epoch = ready["ledger"]["epoch"].clone();
    server.clock.forward(Duration::from_secs(3_601));
    server.publisher.maintain().await.unwrap();
    let answer = subscribe(&mut peer, json!({ "stream": stream, "epoch": epoch, "after": 1 })).await;
    assert_eq!((&answer["ok"], &answer["status"]), (&json!(true), &json!("gone")));
    let mut auth = server.auth("alice");
    auth["resume"] = json!({ stream: { "epoch": epoch, "offset": 1 } });
    let (mut peer, ready) = Peer::resume(&server, &auth).await;
    assert_eq!(ready["streams"][format!("job:{job}")]["status"], "gone");
    let unknown = subscribe(&mut peer, json!({ "stream": "job:never", "epoch": epoch, "after": 1 })).await;
    assert_eq!(unknown["error"]["code"], "NOT_FOUND");
    let malformed = subscribe(&mut peer, json!({ "stream": "everything" })).await;
    assert_eq!(malformed["error"]["code"], "BAD_REQUEST");
}

#[tokio::test]
async fn a_reader_that_stalls_gets_everything_in_order_from_the_log() {
    let server = TestServer::start();
    let (mut reader, _) = Peer::keepline(&server, "alice").await;
    let (mut writer, _) = Peer::keepline(&server, "alice").await;
    subscribe(&mut reader, json!({ "stream": "user" })).await;
    // Far more than the socket's buffers and the send queue hold, and nobody reads.
    let filling = "x".repeat(8_000);
    for round in 0..40 {
        let burst = json!({ "stream": "user", "name": "fill:v1", "payload": [round, filling], "count": 50 });
        assert_eq!(writer.act("test:emit:v1", burst).await["ok"], true);
    }
    for offset in 1..=2_000_u64 {
        let (_, args) = reader.next_event().await;
        assert_eq!(args[1]["offset"], offset);
    }
    writer.act("test:record:v1", emit(1)).await;
    let (name, args) = reader.next_event().await;
    assert_eq!((name.as_str(), &args[1]["offset"]), ("test:recorded:v1", &json!(2_001)));
}

#[tokio::test]
async fn subscribing_while_events_pour_in_leaves_no_hole() {
    let server = TestServer::start();
    let (mut writer, _) = Peer::keepline(&server, "alice").await;
    let job = writer.act("test:job:v1", json!({ "events": 5_000 })).await["reply"]["job"]
        .as_str()
        .unwrap()
        .to_owned();
    let stream = format!("job:{job}");
    let mut readers = Vec::new();
    for _ in 0..8 {
        let (server_address, stream, auth) = (server.address, stream.clone(), server.auth("alice"));
        readers.push(tokio::spawn(async move {
            let (mut peer, _) = Peer::connect(server_address, &auth).await.unwrap();
            let mut after = 0;
            loop {
                let answer =
                    subscribe(&mut peer, json!({ "stream": stream, "after": after, "limit": 100 })).await;
                if answer["more"] == false {
                    break;
                }
                for (_, args) in peer.kept_events() {
                    after = after.max(args.get(1).map_or(0, |meta| meta["offset"].as_u64().unwrap()));
                }
            }
            let events = peer.events_until(&stream, "job:completed:v1").await;
            let all = offsets(&events);
            assert!(all.windows(2).all(|pair| pair[1] == pair[0] + 1), "contiguous");
            assert_eq!((all[0], *all.last().unwrap()), (after + 1, 5_002));
        }));
    }
    for reader in readers {
        reader.await.unwrap();
    }
}

#[tokio::test]
async fn one_connection_holds_so_many_streams_and_no_more() {
    let server = TestServer::start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    let mut waiting = Vec::new();
    for _ in 0..=STREAMS_MAX {
        let asked = json!({ "events": 1, "interval_ms": 0 });
        waiting.push(peer.send("test:job:v1", &[asked, json!({ "id": fresh_id() })]).await);
    }
    let mut jobs = Vec::new();
    for id in waiting {
        jobs.push(peer.answer(id).await["reply"]["job"].as_str().unwrap().to_owned());
    }
    for (at, job) in jobs.iter().enumerate() {
        let answer = subscribe(&mut peer, json!({ "stream": format!("job:{job}") })).await;
        if at < STREAMS_MAX {
            assert_eq!(answer["ok"], true, "{at}");
        } else {
            assert_eq!(answer["error"]["code"], "RATE_LIMITED");
        }
    }
    // One that is held already may be pulled again.
    assert_eq!(subscribe(&mut peer, json!({ "stream": format!("job:{}", jobs[0]) })).await["ok"], true);
}

#[tokio::test]
async fn a_removed_stream_leaves_its_place_on_the_connection() {
    let server = TestServer::start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    subscribe(&mut peer, json!({ "stream": "user" })).await;
    let mut streams = Vec::new();
    for _ in 0..STREAMS_MAX {
        peer.act("test:job:v1", json!({ "events": 0 })).await;
        let args = peer.event("job:completed:v1").await;
        streams.push(format!("job:{}", args[0]["job"].as_str().unwrap()));
    }
    peer.call("stream:unsubscribe:v1", &[json!({ "stream": "user" })]).await;
    for stream in &streams {
        assert_eq!(subscribe(&mut peer, json!({ "stream": stream })).await["status"], "ok");
    }
    server.clock.forward(Retention::default().job_log_age + Duration::from_secs(1));
    server.publisher.maintain().await.unwrap();
    let job = peer.act("test:job:v1", json!({ "events": 1 })).await["reply"]["job"].clone();
    let stream = format!("job:{}", job.as_str().unwrap());
    assert_eq!(subscribe(&mut peer, json!({ "stream": stream })).await["status"], "ok");
    assert_eq!(subscribe(&mut peer, json!({ "stream": streams[0] })).await["status"], "gone");
}

#[tokio::test]
async fn a_watcher_of_a_removed_stream_gets_nothing_of_a_later_one() {
    let server = TestServer::start();
    let (mut bob, _) = Peer::keepline(&server, "bob").await;
    let (mut alice, _) = Peer::keepline(&server, "alice").await;
    // The newest of all streams: its id would be the next one given, if ids were given twice.
    let job = finished_job(&mut alice, 1).await;
    subscribe(&mut alice, json!({ "stream": format!("job:{job}") })).await;
    alice.kept_events();
    server.clock.forward(Retention::default().job_log_age + Duration::from_secs(1));
    server.publisher.maintain().await.unwrap();
    let answer = bob.act("test:job:v1", json!({ "events": 100 })).await;
    let his = format!("job:{}", answer["reply"]["job"].as_str().unwrap());
    bob.subscribe_from_start(&his).await;
    bob.events_until(&his, "job:completed:v1").await;
    assert!(alice.events_so_far().await.is_empty());
}

#[tokio::test]
async fn old_events_and_replies_are_forgotten_and_verdicts_stay() {
    let server = TestServer::start();
    let (mut peer, ready) = Peer::keepline(&server, "alice").await;
    let epoch = &ready["ledger"]["epoch"];
    let id = fresh_id();
    let args = [emit(1), json!({ "id": id })];
    let first = peer.call("test:record:v1", &args).await;
    server.clock.forward(Duration::from_secs(24 * 3_600 + 1));
    server.publisher.maintain().await.unwrap();
    let answer = subscribe(&mut peer, json!({ "stream": "user", "epoch": epoch, "after": 0 })).await;
    assert_eq!((&answer["reset"]["reason"], &answer["reset"]["offset"]), (&json!("trimmed"), &json!(1)));
    assert_eq!(peer.call("test:record:v1", &args).await["reply"], first["reply"]);
    server.clock.forward(Duration::from_secs(7 * 24 * 3_600));
    server.publisher.maintain().await.unwrap();
    // The token of the connection has long ended by the server's clock, the connection's own timer has not.
    let again = peer.call("test:record:v1", &args).await;
    assert_eq!(
        (&again["ok"], &again["dup"], &again["forgotten"]),
        (&json!(true), &json!(true), &json!(true))
    );
    assert_eq!((&again["position"], &again["reply"]), (&json!(1), &Value::Null));
    server.clock.forward(Duration::from_secs(31 * 24 * 3_600));
    server.publisher.maintain().await.unwrap();
    let pruned = [emit(1), json!({ "id": id, "mark": { "position": 0 } })];
    assert_eq!(peer.call("test:record:v1", &pruned).await["error"]["code"], "INDETERMINATE");
    let (_, ready) = Peer::keepline(&server, "alice").await;
    assert_eq!((&ready["ledger"]["position"], &ready["ledger"]["floor"]), (&json!(1), &json!(1)));
    assert_eq!(ready["streams"]["user"]["head"], 1);
}

#[tokio::test]
async fn many_snapshots_do_not_burst_the_first_packet() {
    let mut setup = Setup::new();
    let long = "lantern ".repeat(200);
    for n in 0..200 {
        setup = setup.document(&format!("a-document-with-a-rather-long-name-{n:03}.txt"), &long);
    }
    let server = setup.with(|config| config.retention.job_log_max = 1).start();
    let (mut peer, ready) = Peer::keepline(&server, "alice").await;
    let epoch = &ready["ledger"]["epoch"];
    subscribe(&mut peer, json!({ "stream": "user" })).await;
    let mut resume = serde_json::Map::new();
    for _ in 0..4 {
        let search = json!({ "query": "lantern", "limit": 200 });
        let job = peer.act("search:start:v1", search).await["reply"]["job"].as_str().unwrap().to_owned();
        peer.event("job:completed:v1").await;
        resume.insert(format!("job:{job}"), json!({ "epoch": epoch, "offset": 1 }));
    }
    let mut auth = server.auth("alice");
    auth["resume"] = resume.clone().into();
    let (mut peer, ready) = Peer::resume(&server, &auth).await;
    assert!(ready.to_string().len() < 64 * 1024);
    for stream in resume.keys() {
        let at_connect = &ready["streams"][stream];
        assert!(at_connect.is_null() || at_connect["status"] == "reset");
        let page = json!({ "stream": stream, "epoch": epoch, "after": 1 });
        let answer = subscribe(&mut peer, page).await;
        let snapshot = &answer["reset"]["snapshot"];
        let size = snapshot.to_string().len();
        assert!((16 * 1024..128 * 1024).contains(&size), "{size}");
        assert_eq!(snapshot["results"].as_array().unwrap().len() as u64, snapshot["result"]["total"]);
    }
}

#[tokio::test]
async fn the_user_streams_snapshot_names_the_jobs_that_live() {
    let server = Setup::new().with(|config| config.retention.user_log_max = 1).start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    finished_job(&mut peer, 1).await;
    let asked = json!({ "events": 2, "interval_ms": 60_000 });
    let job = peer.act("test:job:v1", asked).await["reply"]["job"].clone();
    let answer = subscribe(&mut peer, json!({ "stream": "user", "after": 0 })).await;
    let jobs = answer["reset"]["snapshot"]["jobs"].as_array().unwrap();
    assert_eq!(jobs.len(), 1);
    assert_eq!((&jobs[0]["job"], &jobs[0]["kind"]), (&job, &json!("test")));
    assert!(jobs[0]["status"] == "queued" || jobs[0]["status"] == "running");
}
