use std::{io, path::Path, process::Command};

/// Writes a script that can be run at once.
///
/// Another process writes it: a file that this one has open for writing is open in every child that another thread
/// happens to start just then, and the system runs no file that somebody writes to.
///
/// # Errors
/// Where it cannot be written.
pub fn write_script(path: &Path, text: &str) -> io::Result<()> {
    let write = r#"printf %s "$2" >"$1" && chmod 700 "$1""#;
    let status = Command::new("sh").args(["-c", write, "sh"]).arg(path).arg(text).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other("the script cannot be written")) }
}
