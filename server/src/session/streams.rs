use keepline_protocol::{
    ErrorBody, ErrorCode, Payload, SessionAck, Stream, StreamStatus, Subscribe, Subscribed, Unsubscribe,
    limits,
};
use serde_json::{Value, json};

use super::{
    Flow, Session,
    dispatch::{decode, unavailable},
};
use crate::hub::{Behind, Replayed, SubscribeError};

impl Session {
    /// One page of a stream, then the answer, and then live if the page was the last.
    pub(super) async fn subscribe(&mut self, ack: Option<u64>, payload: &Payload) -> Flow {
        let asked: Subscribe = match decode(payload) {
            Ok(asked) => asked,
            Err(error) => return self.answer(ack, &SessionAck::<Subscribed>::Refused(error)).await,
        };
        if self.outlet.watched_as(&asked.stream).is_none()
            && self.outlet.watched().len() >= limits::STREAMS_MAX
        {
            let error = ErrorBody::new(ErrorCode::RateLimited, "too many streams on one connection");
            return self.answer(ack, &SessionAck::<Subscribed>::Refused(error)).await;
        }
        let stream = asked.stream.clone();
        let page = match self.app.hub.page(&self.known, &self.outlet, asked).await {
            Ok(page) => page,
            Err(error) => {
                let error = match error {
                    SubscribeError::NotFound => ErrorBody::new(ErrorCode::NotFound, "no such stream"),
                    SubscribeError::Storage(error) => unavailable(&error),
                };
                return self.answer(ack, &SessionAck::<Subscribed>::Refused(error)).await;
            }
        };
        if page.answer.status == StreamStatus::Reset {
            self.app.metrics.reset();
        }
        let next = page.events.next;
        if self.replayed(page.events).await == Flow::Over {
            return Flow::Over;
        }
        let more = page.answer.more;
        if self.answer(ack, &SessionAck::Ok(page.answer)).await == Flow::Over {
            return Flow::Over;
        }
        match page.stream {
            Some(id) if more => self.app.hub.unwatch(&self.outlet, id),
            Some(id) => self.outlet.go_live(id, next),
            // It may have been removed just after it was watched.
            None => self.app.hub.unsubscribe(&self.outlet, &stream),
        }
        Flow::On
    }

    pub(super) async fn unsubscribe(&mut self, ack: Option<u64>, payload: &Payload) -> Flow {
        let answer = match decode::<Unsubscribe>(payload) {
            Ok(Unsubscribe { stream }) => {
                self.app.hub.unsubscribe(&self.outlet, &stream);
                SessionAck::<Value>::Ok(json!({}))
            }
            Err(error) => SessionAck::Refused(error),
        };
        self.answer(ack, &answer).await
    }

    /// Does what the outlet had left for this task.
    pub(super) async fn catch_up(&mut self) -> Flow {
        while let Some(bytes) = self.outlet.send_left() {
            if self.outlet.link().room_for(bytes).await.is_err() {
                return Flow::Over;
            }
        }
        while let Some(job) = self.outlet.next_to_follow() {
            let followed = self.app.hub.follow(&self.known, &self.outlet, &Stream::job(job)).await;
            if let Err(error) = followed {
                tracing::warn!(%error, "cannot follow a job");
            }
        }
        for behind in self.outlet.behind() {
            if self.pull(&behind).await == Flow::Over {
                return Flow::Over;
            }
        }
        self.over_when_drained()
    }

    /// One page of a stream that this end pulls. The outlet calls again while there is more.
    async fn pull(&mut self, behind: &Behind) -> Flow {
        if self.outlet.link().ready().await.is_err() {
            return Flow::Over;
        }
        let events = match self.app.hub.pull(&self.outlet, behind).await {
            Ok(events) => events,
            Err(error) => {
                // The client resumes at its cursor when it comes back.
                tracing::warn!(%error, stream = %behind.stream, "cannot read a log");
                return Flow::Over;
            }
        };
        let hole = events.first != Some(behind.next);
        if hole && !self.outlet.meta() {
            // Without offsets it could not see the hole. A lost connection it does see, and comes back.
            tracing::debug!(owner = %self.known.owner, stream = %behind.stream, "too slow for what is kept");
            self.app.metrics.reset();
            return Flow::Over;
        }
        let (next, ends, is_empty) = (events.next, events.ends, events.count == 0);
        if self.replayed(events).await == Flow::Over {
            return Flow::Over;
        }
        if ends && self.outlet.is_followed(behind.id) {
            self.app.hub.unwatch(&self.outlet, behind.id);
        } else if is_empty {
            self.outlet.skip(behind.id);
        } else {
            self.outlet.go_live(behind.id, next);
        }
        Flow::On
    }

    /// Sends what is left of a page that was replayed.
    async fn replayed(&self, mut events: Replayed) -> Flow {
        self.app.metrics.replayed(events.count);
        match self.outlet.link().send_all(&mut events.left).await {
            Ok(()) => Flow::On,
            Err(_) => Flow::Over,
        }
    }
}
