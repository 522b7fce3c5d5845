use std::{collections::VecDeque, ops::ControlFlow, sync::Arc};

use keepline_protocol::{
    Epoch, Stream,
    socket_io::{EventRef, MetaRef},
};

use super::Outlet;
use crate::{
    clock::rfc3339,
    connection::{EventRun, Frames},
    jobs,
    log::Entry,
};

/// Sends a page of a log while it is being read.
///
/// It runs where the log is read, and puts its events into the connection's send queue a run at a time: so a run is
/// read and encoded while the one before it goes through the socket, and no task is woken in between. A reader serves
/// all connections and waits for none of them: what the queue has no room for is left for the session's task. All of
/// the page comes from one transaction, so nothing is trimmed in the middle of it.
pub(crate) struct Replay {
    outlet: Arc<Outlet>,
    stream: Arc<Stream>,
    epoch: Epoch,
    run: EventRun,
    /// The last time of an event, and its text: many events of a job have the same.
    stamp: (i64, String),
    done: Replayed,
}

/// What became of a page.
pub(crate) struct Replayed {
    /// How many events were sent or left.
    pub(crate) count: usize,
    /// The offset of the first, sent or not.
    pub(crate) first: Option<u64>,
    /// The offset after the last that was sent or left.
    pub(crate) next: u64,
    /// Whether one of them ends a job.
    pub(crate) ends: bool,
    /// What the queue had no room for. To be sent before anything else of the stream.
    pub(crate) left: VecDeque<Frames>,
}

impl Replay {
    /// Begins at an offset.
    pub(super) fn new(outlet: Arc<Outlet>, stream: Arc<Stream>, epoch: Epoch, next: u64) -> Self {
        let stamp = (0, rfc3339(0));
        Self { outlet, stream, epoch, run: EventRun::default(), stamp, done: Replayed::nothing(next) }
    }

    /// Takes the next event of the page.
    pub(super) fn take(&mut self, entry: &Entry<'_>) -> ControlFlow<()> {
        let in_order = entry.offset == self.done.next;
        self.done.first.get_or_insert(entry.offset);
        if !in_order && !self.outlet.meta() {
            // Who gets no offsets could not see the hole.
            return ControlFlow::Break(());
        }
        self.encode(entry);
        self.done.count += 1;
        self.done.next = entry.offset + 1;
        self.done.ends |= jobs::is_end(entry.name);
        if self.run.count() >= RUN_EVENTS || self.run.bytes() >= RUN_BYTES {
            return self.send_run();
        }
        ControlFlow::Continue(())
    }

    /// The page is over.
    pub(super) fn finish(mut self) -> Replayed {
        // Where the connection has ended, the session's task hears of it by itself.
        let _ = self.send_run();
        self.done
    }

    fn encode(&mut self, entry: &Entry<'_>) {
        if !self.outlet.meta() {
            return self.run.push(EventRef { name: entry.name, payload: entry.payload, meta: None });
        }
        if self.stamp.0 != entry.at_ms {
            self.stamp = (entry.at_ms, rfc3339(entry.at_ms));
        }
        let meta = MetaRef {
            stream: Some(&self.stream),
            epoch: Some(&self.epoch),
            offset: Some(entry.offset),
            tag: Some(entry.tag),
            ts: Some(&self.stamp.1),
        };
        self.run.push(EventRef { name: entry.name, payload: entry.payload, meta: Some(meta) });
    }

    fn send_run(&mut self) -> ControlFlow<()> {
        self.run.take(&mut self.done.left);
        match self.outlet.link().try_send_all(&mut self.done.left) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

impl Replayed {
    /// A page without events.
    pub(super) fn nothing(next: u64) -> Self {
        Self { count: 0, first: None, next, ends: false, left: VecDeque::new() }
    }
}

/// How many events make a run: few enough for the first of a page to leave early, enough to share what it costs to wake
/// the connection.
const RUN_EVENTS: usize = 256;

/// How many bytes make a run: what fills a connection's write buffer twice.
const RUN_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use keepline_protocol::Tag;

    use super::*;
    use crate::connection::{LinkSender, QueueLimit};

    fn outlet(items: usize, meta: bool) -> Arc<Outlet> {
        let limit = QueueLimit { items, bytes: 1024 * 1024 };
        Arc::new(Outlet::new(LinkSender::of_nobody(limit), meta, false))
    }

    fn replay(outlet: &Arc<Outlet>) -> Replay {
        let epoch = Epoch::new("e").unwrap();
        Replay::new(outlet.clone(), Arc::new(Stream::job("7")), epoch, 1)
    }

    fn entry(offset: u64) -> Entry<'static> {
        let at_ms = i64::try_from(offset).unwrap() / 100;
        Entry { offset, tag: Tag::from_bytes(offset.to_be_bytes()), name: "tick", payload: "{}", at_ms }
    }

    fn text(offset: u64) -> String {
        let ts = rfc3339(entry(offset).at_ms);
        format!(
            r#"42["tick",{{}},{{"stream":"job:7","epoch":"e","offset":{offset},"tag":"{offset:016x}","ts":"{ts}"}}]"#
        )
    }

    const RUN: u64 = RUN_EVENTS as u64;

    #[test]
    fn a_run_leaves_before_the_page_is_over() {
        let outlet = outlet(1_024, true);
        let mut replay = replay(&outlet);
        for offset in 1..=2 * RUN + 1 {
            assert!(replay.take(&entry(offset)).is_continue());
            let sent = outlet.link().queued().0 as u64;
            assert_eq!(sent, offset / RUN * RUN, "whole runs, at once");
        }
        let done = replay.finish();
        assert_eq!(outlet.link().take_sent(), (1..=2 * RUN + 1).map(text).collect::<Vec<_>>());
        assert_eq!((done.first, done.next, done.ends, done.left.len()), (Some(1), 2 * RUN + 2, false, 0));
        assert_eq!(done.count as u64, 2 * RUN + 1);
    }

    #[test]
    fn a_large_event_is_a_run_of_its_own() {
        let outlet = outlet(1_024, true);
        let mut replay = replay(&outlet);
        let payload = format!("\"{}\"", "x".repeat(RUN_BYTES));
        assert!(replay.take(&Entry { payload: &payload, ..entry(1) }).is_continue());
        assert_eq!(outlet.link().queued().0, 1);
        assert_eq!(replay.finish().count, 1);
    }

    #[tokio::test]
    async fn what_finds_no_room_is_left_in_its_order() {
        let outlet = outlet(RUN_EVENTS + 2, true);
        let mut replay = replay(&outlet);
        for offset in 1..=3 * RUN {
            assert!(replay.take(&entry(offset)).is_continue());
        }
        let mut done = replay.finish();
        assert_eq!((done.count, done.next), (3 * RUN_EVENTS, 3 * RUN + 1));
        assert_eq!(done.left.len(), 2 * RUN_EVENTS - 2);
        let mut sent = outlet.link().take_sent();
        while !done.left.is_empty() {
            outlet.link().try_send_all(&mut done.left).unwrap();
            sent.extend(outlet.link().take_sent());
        }
        assert_eq!(sent, (1..=3 * RUN).map(text).collect::<Vec<_>>());
    }

    #[test]
    fn nothing_more_is_read_for_a_connection_that_has_ended() {
        let outlet = outlet(1_024, true);
        let mut replay = replay(&outlet);
        outlet.link().close();
        let broken = (1..=RUN).map(|offset| replay.take(&entry(offset)).is_break()).collect::<Vec<_>>();
        assert_eq!(broken.iter().position(|broken| *broken), Some(RUN_EVENTS - 1));
        drop(replay.finish());
        assert!(outlet.link().take_sent().is_empty());
    }

    #[test]
    fn a_hole_is_sent_to_those_alone_who_can_see_it() {
        for (meta, sent) in [(true, 2), (false, 1)] {
            let outlet = outlet(1_024, meta);
            let mut replay = replay(&outlet);
            assert!(replay.take(&entry(1)).is_continue());
            assert_eq!(replay.take(&entry(3)).is_continue(), meta);
            let done = replay.finish();
            assert_eq!((done.count, done.first, outlet.link().queued().0), (sent, Some(1), sent));
            assert_eq!(done.next, if meta { 4 } else { 2 });
        }
    }

    #[test]
    fn the_event_that_ends_a_job_is_noticed() {
        let mut replay = replay(&outlet(1_024, false));
        assert!(replay.take(&entry(1)).is_continue());
        assert!(replay.take(&Entry { name: "job:completed:v1", ..entry(2) }).is_continue());
        assert!(replay.take(&entry(3)).is_continue());
        assert!(replay.finish().ends);
    }
}
