use keepline_protocol::Tag;
use rusqlite::{Row, types::Type};

/// Reads a tag from a column.
pub(crate) fn tag(row: &Row<'_>, column: usize) -> rusqlite::Result<Tag> {
    let bytes = row.get_ref(column)?.as_blob()?;
    let bytes: [u8; 8] = bytes.try_into().map_err(|_| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Blob, "a tag has 8 bytes".into())
    })?;
    Ok(Tag::from_bytes(bytes))
}
