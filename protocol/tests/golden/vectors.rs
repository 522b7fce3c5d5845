//! Numbers that another program computed; `golden/README.md` says how.

use keepline_protocol::{ActionId, Tag};
use serde::Deserialize;

use crate::files::file;

#[derive(Deserialize)]
struct Tags {
    start: Tag,
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    payload: String,
    tag: Tag,
}

#[derive(Deserialize)]
struct Retry {
    id: ActionId,
    attempt: u32,
    retry: ActionId,
}

#[test]
fn tags_are_what_another_program_computed() {
    let Tags { start, entries } = file("tags.json");
    assert_eq!(start, Tag::START);
    assert!(!entries.is_empty());
    let mut tag = start;
    for entry in entries {
        tag = tag.next(entry.name.as_bytes(), entry.payload.as_bytes());
        assert_eq!(tag, entry.tag, "{}", entry.name);
    }
}

#[test]
fn retry_ids_are_what_another_program_computed() {
    let vectors: Vec<Retry> = file("retry_ids.json");
    assert!(!vectors.is_empty());
    for vector in vectors {
        assert_eq!(vector.id.retry(vector.attempt), vector.retry);
    }
}
