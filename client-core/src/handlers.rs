use std::{
    any::Any,
    collections::HashMap,
    fmt,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use keepline_protocol::{Event as EventType, Stream};

use crate::{
    client::{Handle, WeakHandle},
    error::EventsError,
    limits::HANDLERS_MAX,
    stream::{Envelope, EventStream, Events, Item},
};

/// The typed handlers of a client: their streams and the thread that serves them, made when the first one comes.
#[derive(Clone)]
pub(crate) struct Handlers {
    shared: Arc<Shared>,
}

struct Shared {
    client: WeakHandle,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    streams: HashMap<Stream, Served>,
    next_id: u64,
    is_running: bool,
    /// Wakes the thread when streams come and go.
    waker: Option<Waker>,
}

/// A stream with its handlers. The thread takes the event stream out while it polls it.
struct Served {
    events: Option<EventStream>,
    handlers: Vec<(u64, Arc<Mutex<Box<Call>>>)>,
}

type Call = dyn FnMut(&Envelope) + Send;

/// A registered handler. Dropping it ends it; the last one of a stream gives the stream back.
#[must_use = "dropping it ends the handler"]
pub struct Handler {
    shared: Arc<Shared>,
    stream: Stream,
    id: u64,
    is_detached: bool,
}

impl Handlers {
    pub(crate) fn new(client: WeakHandle) -> Self {
        Self { shared: Arc::new(Shared { client, state: Mutex::default() }) }
    }

    pub(crate) fn on<T: EventType + 'static>(
        &self,
        handle: &Handle,
        stream: Stream,
        mut handler: impl FnMut(T) + Send + 'static,
    ) -> Result<Handler, EventsError> {
        let call = move |envelope: &Envelope| match envelope.decode::<T>() {
            Ok(Some(event)) => handler(event),
            Ok(None) => {}
            Err(_) => tracing::warn!(event = T::NAME, "an event has another shape than its type"),
        };
        let mut state = self.shared.state();
        if state.streams.values().map(|served| served.handlers.len()).sum::<usize>() >= HANDLERS_MAX {
            return Err(EventsError::TooMany);
        }
        if !state.streams.contains_key(&stream) {
            let mailbox = handle.shared.consume(Events::of(stream.clone()))?;
            let events = EventStream::new(mailbox, self.shared.client.clone());
            state.streams.insert(stream.clone(), Served { events: Some(events), handlers: Vec::new() });
        }
        state.next_id += 1;
        let id = state.next_id;
        if let Some(served) = state.streams.get_mut(&stream) {
            served.handlers.push((id, Arc::new(Mutex::new(Box::new(call)))));
        }
        self.shared.clone().run(&mut state)?;
        Ok(Handler { shared: Arc::clone(&self.shared), stream, id, is_detached: false })
    }
}

impl Shared {
    /// Starts the thread, or wakes it.
    fn run(self: Arc<Self>, state: &mut State) -> Result<(), EventsError> {
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
        if state.is_running {
            return Ok(());
        }
        state.is_running = true;
        let shared = Arc::clone(&self);
        let name = "keepline-handlers".to_owned();
        let spawned =
            thread::Builder::new().name(name).spawn(move || block_on(poll_fn(|cx| shared.serve(cx))));
        if spawned.is_err() {
            state.is_running = false;
            return Err(EventsError::TooMany);
        }
        Ok(())
    }

    /// Serves what is there; done when no stream is left.
    fn serve(&self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let mut state = self.state();
            state.waker = Some(cx.waker().clone());
            if state.streams.is_empty() {
                state.is_running = false;
                return Poll::Ready(());
            }
            let streams: Vec<Stream> = state.streams.keys().cloned().collect();
            drop(state);
            let served = streams.iter().filter(|stream| self.serve_one(stream, cx)).count();
            if served == 0 {
                return Poll::Pending;
            }
        }
    }

    /// Calls the handlers for the next event of a stream. Gives whether there was something to do.
    fn serve_one(&self, stream: &Stream, cx: &mut Context<'_>) -> bool {
        let mut state = self.state();
        let Some(served) = state.streams.get_mut(stream) else { return false };
        let Some(events) = &mut served.events else { return false };
        let item = match events.poll_item(cx) {
            Poll::Pending => return false,
            Poll::Ready(item) => item,
        };
        match item {
            None => {
                state.streams.remove(stream);
            }
            Some(Item::Event(envelope)) => {
                let handlers: Vec<_> =
                    served.handlers.iter().map(|(_, handler)| Arc::clone(handler)).collect();
                // A handler may register and drop handlers.
                drop(state);
                handlers.iter().for_each(|handler| call(handler, &envelope));
            }
            Some(Item::Reset(reset)) => {
                tracing::warn!(%stream, offset = reset.offset, "continuity was lost; handlers go on after it");
            }
            Some(Item::Refused(code)) => {
                tracing::warn!(%stream, %code, "the server refuses the stream; its handlers end");
            }
            Some(Item::Gone) => tracing::info!(%stream, "the stream is gone; its handlers end"),
        }
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Handlers run outside of it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn call(handler: &Mutex<Box<Call>>, envelope: &Envelope) {
    // A handler that has panicked is called again for the next event; what it left behind is its own.
    let mut handler = handler.lock().unwrap_or_else(PoisonError::into_inner);
    let result = catch_unwind(AssertUnwindSafe(|| handler(envelope)));
    if let Err(panic) = result {
        tracing::error!(
            event = envelope.name(),
            panic = panic_text(panic.as_ref()),
            "an event handler panicked"
        );
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text")
}

impl Handler {
    /// Lets the handler run for as long as the client does.
    pub fn detach(mut self) {
        self.is_detached = true;
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        if self.is_detached {
            return;
        }
        let mut state = self.shared.state();
        let Some(served) = state.streams.get_mut(&self.stream) else { return };
        served.handlers.retain(|(id, _)| *id != self.id);
        if served.handlers.is_empty()
            && let Some(mut served) = state.streams.remove(&self.stream)
        {
            // What its handlers have seen is taken.
            if let Some(events) = served.events.take() {
                events.end();
            }
            if let Some(waker) = state.waker.take() {
                waker.wake();
            }
        }
    }
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handler").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handlers").finish_non_exhaustive()
    }
}

/// Runs one future on this thread, without a runtime.
fn block_on(future: impl Future<Output = ()>) {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    while future.as_mut().poll(&mut cx).is_pending() {
        thread::park();
    }
}
