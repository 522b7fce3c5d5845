use std::fmt;

/// Whom actions, streams and jobs belong to: the subject of a token within its tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner {
    /// The token's `tenant`; empty where it has none.
    pub tenant: String,
    /// The token's `sub`.
    pub subject: String,
}

impl Owner {
    /// A subject without a tenant.
    pub fn subject(subject: impl Into<String>) -> Self {
        Self { tenant: String::new(), subject: subject.into() }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Quoted, so that a subject with a line break stays on one line of a log.
        if self.tenant.is_empty() {
            write!(f, "{:?}", self.subject)
        } else {
            write!(f, "{:?}@{:?}", self.subject, self.tenant)
        }
    }
}

/// An owner's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct OwnerId(pub(crate) i64);

/// A stream's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct StreamId(pub(crate) i64);

macro_rules! row_id {
    ($name:ident) => {
        impl rusqlite::ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
                self.0.to_sql()
            }
        }

        impl rusqlite::types::FromSql for $name {
            fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
                i64::column_result(value).map(Self)
            }
        }
    };
}

row_id!(OwnerId);
row_id!(StreamId);
