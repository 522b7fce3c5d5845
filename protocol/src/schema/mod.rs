//! JSON Schema and TypeScript from the types, so that a back end in Node and a web page share them.
//!
//! [`json_schema`] is what `schemars` makes of the types, with the names over it. [`typescript`] is written from that
//! schema by the small printer in this module: generators that exist print types only, and none makes the two event
//! maps that Socket.IO's own typings take as parameters, which are the point here.

mod declaration;
mod document;
mod typescript;
mod words;

pub use document::json_schema;
pub use typescript::typescript;

/// The files of `protocol/schema/`: name and text.
pub fn files() -> [(&'static str, String); 2] {
    [("keepline.schema.json", format!("{:#}\n", json_schema())), ("events.d.ts", typescript())]
}
