use keepline_protocol::{Epoch, StreamCursor, Tag};

/// A place in a stream, as far as it is known: an app may name an offset without its epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) epoch: Option<Epoch>,
    pub(crate) offset: u64,
    pub(crate) tag: Option<Tag>,
}

impl Place {
    /// The wire's form; `None` where the epoch is not known yet.
    pub(super) fn to_cursor(&self) -> Option<StreamCursor> {
        Some(StreamCursor { epoch: self.epoch.clone()?, offset: self.offset, tag: self.tag })
    }
}
