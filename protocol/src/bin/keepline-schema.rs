//! Writes `protocol/schema/` from the types; with `--check` it only says whether the files are current.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use keepline_protocol::schema::files;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let check = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--check"] => true,
        _ => {
            eprintln!("usage: keepline-schema [--check]");
            return ExitCode::from(2);
        }
    };
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schema");
    let mut current = true;
    for (name, text) in files() {
        current &=
            if check { is_current(&folder.join(name), &text) } else { write(&folder.join(name), &text) };
    }
    if current { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn is_current(path: &Path, text: &str) -> bool {
    let current = fs::read_to_string(path).is_ok_and(|stored| stored == text);
    if !current {
        eprintln!("{} is not what the types say: run keepline-schema", path.display());
    }
    current
}

fn write(path: &Path, text: &str) -> bool {
    let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, text));
    if let Err(error) = &written {
        eprintln!("{}: {error}", path.display());
    }
    written.is_ok()
}
