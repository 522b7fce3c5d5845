//! The owner's history at the server: what was decided, in order, and how a place in it is named.
//!
//! The model keeps the whole history, pruned entries too: the properties are about what really happened. The rules
//! read only what the floor leaves visible, see [`crate::server`].

/// Names one action on the wire. `intent` is what the app asked for; a retry of it has another id, the same intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionId {
    /// The app's wish, numbered by the model.
    pub intent: u8,
    /// 0 for the first id, then one more with each retry: a stand-in for the derived UUID.
    pub retry: u8,
    /// Zero where ids are derived; what tells two random ids apart where they are not.
    pub salt: u8,
}

/// What the ledger says of an id, for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// The effect is in the history.
    Applied,
    /// A handler refused for good.
    Rejected,
    /// Asked for by the client; there is no effect and never will be.
    Void,
}

/// One entry of the ledger, stored together with its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Whose entry.
    pub id: ActionId,
    /// What was decided.
    pub verdict: Verdict,
}

/// A place in a history. The tag runs over all entries up to it, so two histories that differ before the place
/// differ in the tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    /// How many entries stand up to here.
    pub position: u8,
    /// The running tag.
    pub tag: u32,
}

impl Cursor {
    /// The place before the first entry, which every history shares.
    pub const ORIGIN: Self = Self { position: 0, tag: 0 };

    fn next(self, entry: Entry) -> Self {
        let ActionId { intent, retry, salt } = entry.id;
        let word = u32::from_be_bytes([intent, retry, salt, entry.verdict as u8 + 1]);
        let tag = (self.tag ^ word).wrapping_mul(0x9E37_79B1).rotate_left(13) ^ word;
        Self { position: self.position + 1, tag }
    }
}

/// All entries since the beginning; the entry at index `n` has position `n + 1`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct History {
    entries: Vec<Entry>,
}

impl History {
    /// The last place.
    pub fn head(&self) -> Cursor {
        self.entries.iter().fold(Cursor::ORIGIN, |cursor, entry| cursor.next(*entry))
    }

    /// The place with this position, if the history is that long.
    pub fn at(&self, position: u8) -> Option<Cursor> {
        let prefix = self.entries.get(..usize::from(position))?;
        Some(prefix.iter().fold(Cursor::ORIGIN, |cursor, entry| cursor.next(*entry)))
    }

    /// The entry that ends at this position.
    pub fn entry(&self, position: u8) -> Option<Entry> {
        self.entries.get(usize::from(position).checked_sub(1)?).copied()
    }

    /// The first entry of this id above the floor, with its place.
    pub fn find_above(&self, floor: u8, id: ActionId) -> Option<(Cursor, Verdict)> {
        let mut cursor = Cursor::ORIGIN;
        for entry in &self.entries {
            cursor = cursor.next(*entry);
            if cursor.position > floor && entry.id == id {
                return Some((cursor, entry.verdict));
            }
        }
        None
    }

    /// Adds an entry and gives its place.
    pub fn append(&mut self, entry: Entry) -> Cursor {
        self.entries.push(entry);
        self.head()
    }

    /// Forgets everything after this position, as a restored backup does.
    pub fn cut(&mut self, position: u8) {
        self.entries.truncate(usize::from(position));
    }

    /// How many entries there are.
    pub fn len(&self) -> u8 {
        u8::try_from(self.entries.len()).expect("a model run appends a handful of entries")
    }

    /// All entries in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}
