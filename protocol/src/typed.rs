use serde::{Serialize, de::DeserializeOwned};

/// Something an app asks of the server: a name with its version, and the shape of the answer.
///
/// The built-in catalogue is written with this trait and so are an app's own actions:
///
/// ```
/// use keepline_protocol::Action;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize)]
/// struct AddNote { text: String }
///
/// #[derive(Deserialize)]
/// struct NoteAdded { id: u64 }
///
/// impl Action for AddNote {
///     const NAME: &'static str = "note:add:v1";
///     type Reply = NoteAdded;
/// }
/// ```
pub trait Action: Serialize {
    /// The name on the wire, ending in its version: `search:start:v1`.
    const NAME: &'static str;
    /// What the handler answers.
    type Reply: DeserializeOwned;
}

/// Something that happened: a name with its version over a payload.
pub trait Event: DeserializeOwned {
    /// The name on the wire, ending in its version: `search:result:v1`.
    const NAME: &'static str;
}
