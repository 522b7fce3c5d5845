use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::words::{Role, Word, beside, words};

/// The schema of everything on the wire: the types under `$defs`, and which of them stands under which name under
/// `actions`, `sessionActions`, `events` and `sessionEvents`.
pub fn json_schema() -> Value {
    let mut types = SchemaSettings::draft2020_12().into_generator();
    let words = words(&mut types);
    beside(&mut types);
    let mut document = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Keepline on the wire, version 1",
        "actions": {}, "sessionActions": {}, "events": {}, "sessionEvents": {},
    });
    for word in words {
        let (section, entry) = entry(&word);
        document[section][word.name] = entry;
    }
    document["$defs"] = Value::Object(types.take_definitions(true).into_iter().collect::<Map<_, _>>());
    without_links(&mut document);
    document
}

fn entry(word: &Word) -> (&'static str, Value) {
    let payload = &word.payload;
    match &word.role {
        Role::Action { reply } => ("actions", json!({ "payload": payload, "reply": reply })),
        Role::SessionAction { answer } => ("sessionActions", json!({ "payload": payload, "answer": answer })),
        Role::Event => ("events", json!({ "payload": payload })),
        Role::SessionEvent => ("sessionEvents", json!({ "payload": payload })),
    }
}

/// Descriptions come from doc comments, whose links lead into the Rust documentation: their text stays.
fn without_links(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(without_links),
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(text) if key == "description" => *text = plain(text),
                    _ => without_links(value),
                }
            }
        }
        _ => {}
    }
}

/// ``[`A`](b)`` and ``[`A`]`` become `` `A` ``; a paragraph becomes a line.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, linked)) = rest.split_once("[`") {
        let Some((name, after)) = linked.split_once("`]") else { break };
        plain.extend([before, "`", name, "`"]);
        rest = after
            .strip_prefix('(')
            .and_then(|target| target.split_once(')'))
            .map_or(after, |(_, after)| after);
    }
    plain.push_str(rest);
    plain.replace("\n\n", "\u{0}").replace('\n', " ").replace('\u{0}', "\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_leave_their_text() {
        let text = "At most [`MAX`](crate::limits::MAX),\nsee [`A`] and [b](c).\n\nMore.";
        assert_eq!(plain(text), "At most `MAX`, see `A` and [b](c).\n\nMore.");
        assert_eq!(plain("an open [`end"), "an open [`end");
    }

    #[test]
    fn no_reference_leads_nowhere() {
        fn references<'a>(schema: &'a Value, found: &mut Vec<&'a str>) {
            match schema {
                Value::Array(items) => items.iter().for_each(|item| references(item, found)),
                Value::Object(fields) => {
                    found.extend(fields.get("$ref").and_then(Value::as_str));
                    fields.values().for_each(|value| references(value, found));
                }
                _ => {}
            }
        }
        let document = json_schema();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(!found.is_empty());
        for reference in found {
            assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
        }
    }
}
