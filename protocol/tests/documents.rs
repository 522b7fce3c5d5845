//! `docs/errors.md` has a row for each code, in the section it belongs to, and no row for a code that is not there.

use std::{collections::BTreeSet, fs, path::PathBuf};

use keepline_protocol::{ConnectCode, ErrorCode, limits, names};

fn read(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The codes in the first column of the section's table.
fn rows(document: &str, heading: &str) -> BTreeSet<String> {
    let (_, section) = document.split_once(heading).unwrap_or_else(|| panic!("no section {heading}"));
    let section = section.split("\n#").next().unwrap_or_default();
    let cells = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let rows: Vec<&str> = cells.map(|(code, _)| code).collect();
    let unique: BTreeSet<String> = rows.iter().map(|code| (*code).to_owned()).collect();
    assert_eq!(unique.len(), rows.len(), "a code twice in {heading}");
    unique
}

#[test]
fn each_code_of_the_server_has_its_row() {
    let errors = read("docs/errors.md");
    let action: BTreeSet<String> = ErrorCode::KNOWN.iter().map(ToString::to_string).collect();
    assert_eq!(rows(&errors, "### Action codes\n"), action);
    let connect: BTreeSet<String> = ConnectCode::KNOWN.iter().map(ToString::to_string).collect();
    assert_eq!(rows(&errors, "### Connect codes\n"), connect);
}

#[test]
fn what_may_pass_is_said_as_it_is() {
    let errors = read("docs/errors.md");
    let says_yes = |code: &str, heading: &str| {
        let (_, section) = errors.split_once(heading).expect("the section");
        let row = section.lines().find(|line| line.starts_with(&format!("| `{code}` |"))).expect("a row");
        row.trim_end_matches('|').rsplit('|').next().is_some_and(|cell| cell.trim().starts_with("yes"))
    };
    for code in ErrorCode::KNOWN {
        assert_eq!(says_yes(code.as_str(), "### Action codes\n"), code.retryable(), "{code}");
    }
    for code in ConnectCode::KNOWN {
        assert_eq!(says_yes(code.as_str(), "### Connect codes\n"), code.retryable(), "{code}");
    }
}

#[test]
fn each_error_of_the_client_has_its_row() {
    let errors = read("docs/errors.md");
    let source = read("client-core/src/error.rs");
    let (_, client) = errors.split_once("## From the client\n").expect("the section");
    let mut sections = 0;
    for block in source.split("\nerrors! {").skip(1) {
        let block = block.split("\n}").next().unwrap_or_default();
        let name = block.lines().find_map(|line| line.trim().strip_suffix(" {")).expect("the enum's name");
        let codes: BTreeSet<String> = block.lines().filter_map(code_of).collect();
        assert!(!codes.is_empty(), "{name}");
        assert_eq!(rows(client, &format!("### `{name}`")), codes, "{name}");
        sections += 1;
    }
    assert_eq!(sections, client.matches("\n### `").count());
}

#[test]
fn each_error_of_the_servers_library_has_its_row() {
    let errors = read("docs/errors.md");
    for (name, path) in [
        ("OpenError", "server/src/storage/error.rs"),
        ("KeyError", "server/src/auth/config.rs"),
        ("SecretError", "server/src/auth/secret.rs"),
        ("PublishError", "server/src/server.rs"),
    ] {
        let source = read(path);
        let (_, block) = source.split_once(&format!("\nimpl {name} {{\n")).expect("the enum's own methods");
        let (_, block) = block.split_once("fn code(&self)").expect("its codes");
        let block = block.split("\n    }\n").next().unwrap_or_default();
        let codes = block.lines().filter_map(|line| line.split_once("=> \"")?.1.strip_suffix("\","));
        let codes: BTreeSet<String> = codes.map(str::to_owned).collect();
        assert!(!codes.is_empty(), "{name}");
        assert_eq!(rows(&errors, &format!("### Server `{name}`")), codes, "{name}");
    }
}

/// The code in a line such as `Variant { field: Type } = "CODE", "text";`.
fn code_of(line: &str) -> Option<String> {
    let (_, rest) = line.trim().split_once(" = \"")?;
    let (code, text) = rest.split_once('"')?;
    text.ends_with(';').then(|| code.to_owned())
}

#[test]
fn the_specification_names_every_word_and_limit() {
    let specification = read("docs/protocol.md");
    let session = [
        names::SESSION_READY,
        names::AUTH_EXPIRING,
        names::AUTH_EXPIRED,
        names::AUTH_REFRESH,
        names::SERVER_DRAINING,
        names::STREAM_SUBSCRIBE,
        names::STREAM_UNSUBSCRIBE,
        names::LEDGER_CHECK,
        names::ACTION_VOID,
    ];
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden");
    let golden =
        ["actions", "events"].iter().flat_map(|kind| fs::read_dir(golden.join(kind)).expect("golden files"));
    let golden = golden.map(|entry| entry.expect("a file").path());
    let golden = golden.map(|path| path.file_stem().expect("a name").to_string_lossy().replace('.', ":"));
    for name in session.into_iter().map(str::to_owned).chain(golden).chain(names::RESERVED.map(str::to_owned))
    {
        assert!(specification.contains(&name), "{name}");
    }
    let kib = |bytes: usize| format!("{} KiB", bytes / 1024);
    for (what, limit) in [
        ("payload of an action; of an event", kib(limits::ACTION_BYTES_MAX)),
        ("one Engine.IO packet", kib(limits::PACKET_BYTES_MAX)),
        ("name of an action or event", format!("{} bytes", limits::NAME_BYTES_MAX)),
        ("an epoch", format!("{} bytes", limits::EPOCH_BYTES_MAX)),
        ("a token", kib(limits::TOKEN_BYTES_MAX)),
        ("attachments of a packet", limits::ATTACHMENTS_MAX.to_string()),
        ("depth of a payload's JSON", limits::JSON_DEPTH_MAX.to_string()),
        ("depth of a whole packet's JSON", limits::ENVELOPE_DEPTH_MAX.to_string()),
        ("streams resumed", format!("{}; {}", limits::RESUME_STREAMS_MAX, limits::STREAMS_MAX)),
        ("events of a page", limits::PAGE_EVENTS_MAX.to_string()),
        ("cursors of", limits::LEDGER_CURSORS_MAX.to_string()),
    ] {
        let row = specification.lines().find(|line| line.starts_with(&format!("| {what}"))).expect("a row");
        assert!(row.split('|').nth(2).is_some_and(|cell| cell.trim().starts_with(&limit)), "{row}: {limit}");
    }
}
