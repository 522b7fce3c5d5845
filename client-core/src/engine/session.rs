//! Is there a line, and if not, when is it tried again.

use std::time::Duration;

use keepline_protocol::{SessionReady, Token};

use super::{Cx, Effect, Engine, LinkEvent, TokenFailure, TokenReason, timers::Timer};
use crate::{
    error::StoreError,
    status::{AuthTrouble, Line, LineTrouble},
};

/// One line's life. The app's wish outlives every attempt.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// `connect` was called and `disconnect` was not.
    pub(super) wanted: bool,
    /// The host says that there is no network.
    pub(super) no_network: bool,
    pub(super) phase: Phase,
    /// Attempts since the line was last good.
    pub(super) attempt: u32,
    pub(super) token: Option<Token>,
    /// A refused token was asked for anew once already.
    pub(super) token_forced: bool,
    /// The server said when to come back.
    pub(super) wish: Option<Wish>,
    /// How much had been delivered and settled when the line came up.
    pub(super) progress_before: u64,
    /// How long the link may be without a heartbeat.
    pub(super) silence_max: Duration,
}

#[derive(Debug, Default)]
pub(super) enum Phase {
    #[default]
    Idle,
    /// Waits for the token provider.
    FetchingToken,
    /// Waits for the link and the engine's handshake.
    Dialing,
    /// CONNECT was sent.
    Joining,
    /// A Keepline server granted CONNECT; its `session:ready:v1` is still to come.
    Greeting,
    /// The server was rolled back; it is asked which places of the ledger it still knows.
    Comparing(Box<SessionReady>),
    Online {
        resumed: bool,
        plain: bool,
    },
    /// Online, but the server goes away: nothing new is sent, answers are waited for.
    Draining {
        resumed: bool,
    },
    Waiting {
        delay: Duration,
        trouble: LineTrouble,
    },
    /// Waits for `network_available`.
    Offline,
    /// Waits for `connect`.
    AuthRequired(AuthTrouble),
}

/// When the server wants this client back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    pub(super) after: Duration,
    pub(super) spread: Duration,
}

impl Session {
    pub(super) fn line(&self) -> Line {
        match &self.phase {
            Phase::Idle => Line::Idle,
            Phase::FetchingToken
            | Phase::Dialing
            | Phase::Joining
            | Phase::Greeting
            | Phase::Comparing(_) => Line::Connecting,
            Phase::Online { resumed, .. } | Phase::Draining { resumed } => Line::Online { resumed: *resumed },
            Phase::Waiting { delay, trouble } => {
                Line::Waiting { retry_in: *delay, attempt: self.attempt, reason: *trouble }
            }
            Phase::Offline => Line::Offline,
            Phase::AuthRequired(reason) => Line::AuthRequired { reason: reason.clone() },
        }
    }

    pub(super) fn may_send(&self) -> bool {
        matches!(self.phase, Phase::Online { .. })
    }

    pub(super) fn is_plain(&self) -> bool {
        matches!(self.phase, Phase::Online { plain: true, .. })
    }

    /// Whether there is or may be a link.
    fn has_link(&self) -> bool {
        !matches!(
            self.phase,
            Phase::Idle
                | Phase::FetchingToken
                | Phase::Waiting { .. }
                | Phase::Offline
                | Phase::AuthRequired(_)
        )
    }

    fn is_up(&self) -> bool {
        matches!(self.phase, Phase::Online { .. } | Phase::Draining { .. } | Phase::Comparing(_))
    }
}

impl Engine {
    /// The app wants a line: now, whatever was waited for.
    pub(super) fn connect(&mut self, cx: &mut Cx<'_, '_>) -> Result<(), StoreError> {
        self.session.wanted = true;
        match self.session.phase {
            Phase::Idle | Phase::Waiting { .. } | Phase::AuthRequired(_) => {
                self.attempt(cx, TokenReason::Connect)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn disconnect(&mut self, cx: &mut Cx<'_, '_>) -> Result<(), StoreError> {
        self.session.wanted = false;
        self.hang_up(cx)?;
        self.session.phase = Phase::Idle;
        Ok(())
    }

    /// The network came back, the screen was lit, or the app wants its queue flushed.
    pub(super) fn wake(&mut self, cx: &mut Cx<'_, '_>) -> Result<(), StoreError> {
        match self.session.phase {
            Phase::Waiting { .. } if self.session.wanted && !self.session.no_network => {
                self.attempt(cx, TokenReason::Connect)
            }
            Phase::Offline if !self.session.no_network => self.attempt(cx, TokenReason::Connect),
            // One probe at a time: each further hint would push its deadline back, and a dead line would be kept for as
            // long as the hints go on.
            Phase::Online { .. } if !self.timers.is_set(Timer::Probe) => {
                cx.effects.push_back(Effect::Probe);
                self.timers.set(Timer::Probe, cx.now.at + self.options.probe_timeout);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    pub(super) fn network_lost(&mut self, cx: &mut Cx<'_, '_>) -> Result<(), StoreError> {
        self.session.no_network = true;
        if self.session.wanted && !matches!(self.session.phase, Phase::AuthRequired(_)) {
            self.hang_up(cx)?;
            self.session.phase = Phase::Offline;
        }
        Ok(())
    }

    /// Begins an attempt by asking for a token: each attempt asks anew, a provider may cache.
    pub(super) fn attempt(&mut self, cx: &mut Cx<'_, '_>, reason: TokenReason) -> Result<(), StoreError> {
        if self.session.no_network {
            self.session.phase = Phase::Offline;
            return Ok(());
        }
        // A wish belongs to the line that it was said on.
        self.session.wish = None;
        self.timers.clear(Timer::Reconnect);
        self.timers.set(Timer::TokenTimeout, cx.now.at + self.options.token_timeout);
        self.session.phase = Phase::FetchingToken;
        cx.effects.push_back(Effect::FetchToken(reason));
        Ok(())
    }

    pub(super) fn token(
        &mut self,
        cx: &mut Cx<'_, '_>,
        token: Result<Token, TokenFailure>,
    ) -> Result<(), StoreError> {
        match (&self.session.phase, token) {
            (Phase::FetchingToken, token) => {
                self.timers.clear(Timer::TokenTimeout);
                match token {
                    Ok(token) => self.dial(cx, Some(token)),
                    Err(TokenFailure::NotConfigured) => self.dial(cx, None),
                    Err(TokenFailure::Unavailable) => {
                        return self.lost(cx, LineTrouble::TokenUnavailable, None);
                    }
                    Err(TokenFailure::SignedOut) => return self.auth_required(cx, AuthTrouble::SignedOut),
                }
            }
            (Phase::Online { plain: false, .. } | Phase::Draining { .. }, Ok(token)) => self.refresh(token),
            // A refresh that failed: the line lasts until the token ends. Anything else is an answer too late.
            _ => {}
        }
        Ok(())
    }

    fn dial(&mut self, cx: &mut Cx<'_, '_>, token: Option<Token>) {
        self.session.token = token;
        self.session.phase = Phase::Dialing;
        self.timers.set(Timer::ConnectTimeout, cx.now.at + self.options.connect_timeout);
        cx.effects.push_back(Effect::Dial);
    }

    pub(super) fn link(&mut self, cx: &mut Cx<'_, '_>, event: LinkEvent) -> Result<(), StoreError> {
        if !self.session.has_link() {
            return Ok(());
        }
        match event {
            LinkEvent::Opened { ping_interval, ping_timeout, max_payload } => {
                if matches!(self.session.phase, Phase::Dialing) {
                    self.session.phase = Phase::Joining;
                    self.max_payload = max_payload;
                    self.session.silence_max = ping_interval + ping_timeout;
                    self.timers.set(Timer::Heartbeat, cx.now.at + self.session.silence_max);
                    self.join();
                }
                Ok(())
            }
            LinkEvent::Packet(packet) => self.packet(cx, packet),
            LinkEvent::Ping => {
                self.timers.clear(Timer::Probe);
                self.timers.set(Timer::Heartbeat, cx.now.at + self.session.silence_max);
                Ok(())
            }
            LinkEvent::Alive => {
                self.timers.clear(Timer::Probe);
                Ok(())
            }
            LinkEvent::Lost { trouble, retry_after } => {
                let wish = retry_after.map(|after| Wish { after, spread: after });
                self.session.wish = self.session.wish.or(wish);
                self.lost_link(cx, trouble)
            }
        }
    }

    /// Drops the link, if there is one, and tries again later.
    pub(super) fn lost(
        &mut self,
        cx: &mut Cx<'_, '_>,
        trouble: LineTrouble,
        wish: Option<Wish>,
    ) -> Result<(), StoreError> {
        if wish.is_some() {
            self.session.wish = wish;
        }
        if self.session.has_link() {
            cx.effects.push_back(Effect::HangUp);
        }
        self.lost_link(cx, trouble)
    }

    /// Drops the link, if there is one, and waits for the app.
    pub(super) fn auth_required(
        &mut self,
        cx: &mut Cx<'_, '_>,
        reason: AuthTrouble,
    ) -> Result<(), StoreError> {
        self.hang_up(cx)?;
        self.session.phase = Phase::AuthRequired(reason);
        Ok(())
    }

    /// A refused token is asked for anew once, at once; then the app has to act.
    pub(super) fn token_refused(
        &mut self,
        cx: &mut Cx<'_, '_>,
        reason: AuthTrouble,
    ) -> Result<(), StoreError> {
        if self.session.token_forced || self.session.token.is_none() {
            self.session.token_forced = false;
            return self.auth_required(cx, reason);
        }
        self.session.token_forced = true;
        self.hang_up(cx)?;
        self.attempt(cx, TokenReason::Refused)
    }

    /// Ends the link by our own wish.
    pub(super) fn hang_up(&mut self, cx: &mut Cx<'_, '_>) -> Result<(), StoreError> {
        if self.session.has_link() {
            cx.effects.push_back(Effect::HangUp);
        }
        self.forget_link(cx, false)
    }

    fn lost_link(&mut self, cx: &mut Cx<'_, '_>, trouble: LineTrouble) -> Result<(), StoreError> {
        let is_draining = matches!(self.session.phase, Phase::Draining { .. });
        let trouble = if is_draining { LineTrouble::Draining } else { trouble };
        let is_planned = is_draining || matches!(trouble, LineTrouble::TokenExpired | LineTrouble::Busy);
        let was_up = self.session.is_up();
        // A plain server's silence has counted as the action's attempt already.
        let is_counted = self.session.is_plain() && trouble == LineTrouble::Unanswered;
        let unexpected = was_up && !is_planned && !is_counted;
        self.forget_link(cx, unexpected)?;
        if !self.session.wanted {
            self.session.phase = Phase::Idle;
            return Ok(());
        }
        if was_up && self.progress() > self.session.progress_before {
            self.session.attempt = self.session.attempt.min(ATTEMPT_AFTER_PROGRESS);
        }
        let delay = match self.session.wish.take() {
            Some(wish) => wish.after.min(WISH_MAX) + wish.spread.min(WISH_MAX).mul_f64(self.rng.f64()),
            None => self.options.reconnect.delay(self.session.attempt, &mut self.rng),
        };
        self.session.attempt = self.session.attempt.saturating_add(1);
        let until = cx.now.at + delay;
        self.session.phase = Phase::Waiting { delay, trouble };
        self.timers.set(Timer::Reconnect, until);
        Ok(())
    }

    /// What the lines of this process have brought so far.
    pub(super) fn progress(&self) -> u64 {
        self.inbox.counters.delivered + self.outbox.settled()
    }

    fn forget_link(&mut self, cx: &mut Cx<'_, '_>, unexpected: bool) -> Result<(), StoreError> {
        self.timers.clear_all();
        self.connection += 1;
        self.backlog.clear();
        self.fail_calls(cx);
        self.awaiting.clear();
        self.next_ack = 0;
        self.session.token = None;
        self.inbox.line_lost();
        self.outbox.line_lost(cx, unexpected)
    }

    pub(super) fn timeout(&mut self, cx: &mut Cx<'_, '_>) -> Result<(), StoreError> {
        while let Some(timer) = self.timers.expired(cx.now.at) {
            match timer {
                Timer::Reconnect => self.attempt(cx, TokenReason::Connect)?,
                Timer::ConnectTimeout => self.lost(cx, LineTrouble::TimedOut, None)?,
                Timer::TokenTimeout => self.lost(cx, LineTrouble::TokenUnavailable, None)?,
                Timer::Heartbeat | Timer::Probe => self.lost(cx, LineTrouble::Silent, None)?,
                Timer::BackoffReset => self.session.attempt = 0,
                Timer::Drain => self.lost(cx, LineTrouble::Draining, None)?,
                Timer::Call => self.expire_calls(cx),
                // The queue's and the inbox's own, which keep their deadlines themselves.
                Timer::Answer
                | Timer::LaneRetry
                | Timer::RateLimit
                | Timer::Expiry
                | Timer::Written
                | Timer::Inbox => {}
            }
        }
        self.outbox.handle_timeout(cx)?;
        let is_page_overdue = self.inbox.answer_deadline().is_some_and(|at| at <= cx.now.at);
        if self.outbox.is_answer_overdue(cx)? || is_page_overdue {
            self.lost(cx, LineTrouble::Unanswered, None)?;
        }
        self.inbox.handle_timeout(cx.now.at);
        Ok(())
    }
}

/// A line that brought something before it was lost is no dead end: the next delay stays below the second ceiling
/// (1 s), however often that happens (docs/decisions/0008).
const ATTEMPT_AFTER_PROGRESS: u32 = 1;

/// A server's wish beyond this is taken for a mistake.
const WISH_MAX: Duration = Duration::from_secs(600);
