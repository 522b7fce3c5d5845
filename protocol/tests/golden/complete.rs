//! No word without a golden file and no golden file without a word. The words are found in the crate's source, so
//! that a new one cannot be forgotten in a list.

use std::{collections::BTreeSet, fs, path::Path};

use keepline_protocol::{Action, ConnectCode, ErrorCode, Event, catalogue::*, names};

use crate::{
    files::{Word, crate_folder, file, folder},
    types::{WIRE_TYPES, all_examples},
};

#[test]
fn each_name_has_a_golden_file_called_after_it() {
    let mut golden = BTreeSet::new();
    for kind in ["actions", "events"] {
        for (path, word) in folder::<Word>(kind) {
            assert_eq!(path.file_stem().and_then(|stem| stem.to_str()), Some(&*word.name.replace(':', ".")));
            assert_eq!(word.reply.is_some(), kind == "actions", "{}", word.name);
            assert!(names::is_allowed(&word.name), "{}", word.name);
            golden.insert(word.name);
        }
    }
    let literals = sources().iter().flat_map(|source| names_in(source)).collect::<BTreeSet<String>>();
    assert_eq!(literals, golden);
}

#[test]
fn each_type_has_a_golden_file() {
    let shown: BTreeSet<String> = all_examples().into_iter().map(|(_, examples)| examples.name).collect();
    let listed: BTreeSet<String> = WIRE_TYPES.iter().map(|wire_type| wire_type.name.to_owned()).collect();
    assert_eq!(listed, shown);
    let bare = |name: &String| name.split('<').next().unwrap_or(name).to_owned();
    let written: BTreeSet<String> = sources().iter().flat_map(|source| types_in(source)).collect();
    let missing: Vec<_> = written.difference(&listed.iter().map(bare).collect()).cloned().collect();
    assert!(missing.is_empty(), "types without a golden file: {missing:?}");
}

#[test]
fn each_code_has_an_example() {
    let codes: Vec<ErrorCode> = examples_of("ErrorCode");
    assert!(ErrorCode::KNOWN.iter().all(|code| codes.contains(code)));
    let codes: Vec<ConnectCode> = examples_of("ConnectCode");
    assert!(ConnectCode::KNOWN.iter().all(|code| codes.contains(code)));
}

#[test]
fn a_name_stands_over_the_payload_that_its_file_says() {
    fn action<A: Action>() -> (&'static str, String) {
        (A::NAME, bare_type::<A>())
    }
    fn event<E: Event>() -> (&'static str, String) {
        (E::NAME, bare_type::<E>())
    }
    let catalogue = [
        action::<StartSearch>(),
        action::<StartResearch>(),
        action::<PromptModel>(),
        action::<TaskCancel>(),
        action::<TestEcho>(),
        action::<TestRecord>(),
        action::<TestEmit>(),
        action::<TestFail>(),
        action::<TestJob>(),
        event::<JobCreated>(),
        event::<JobCompleted>(),
        event::<JobFailed>(),
        event::<JobCancelled>(),
        event::<JobProgress>(),
        event::<SearchResult>(),
        event::<ResearchFinding>(),
        event::<ModelChunk>(),
        event::<TestRecorded>(),
        event::<TestTick>(),
    ];
    let words: Vec<Word> =
        folder("actions").into_iter().chain(folder("events")).map(|(_, word): (_, Word)| word).collect();
    for (name, payload) in catalogue {
        let word = words.iter().find(|word| word.name == name).expect("each name has a golden file");
        assert_eq!(word.payload.name, payload, "{name}");
    }
}

fn bare_type<T>() -> String {
    std::any::type_name::<T>().rsplit("::").next().unwrap_or_default().to_owned()
}

fn examples_of<C: From<String>>(name: &str) -> Vec<C> {
    let examples: crate::files::Examples = file(&format!("types/{name}.json"));
    examples.examples.iter().map(|code| C::from(code.as_str().expect("a code is text").to_owned())).collect()
}

/// The crate's source files, each up to its tests.
fn sources() -> Vec<String> {
    fn read(folder: &Path, sources: &mut Vec<String>) {
        for entry in fs::read_dir(folder).expect("a source folder") {
            let path = entry.expect("a readable folder").path();
            if path.is_dir() {
                read(&path, sources);
            } else {
                let text = fs::read_to_string(&path).expect("a source file");
                sources.push(text.split("#[cfg(test)]").next().unwrap_or_default().to_owned());
            }
        }
    }
    let mut sources = Vec::new();
    read(&crate_folder().join("src"), &mut sources);
    sources
}

/// The names of actions and events: string constants that end in a version.
fn names_in(source: &str) -> Vec<String> {
    let constants = source.lines().map(str::trim).filter(|line| {
        line.starts_with("const NAME: &'static str = \"")
            || line.starts_with("pub const") && line.contains(": &str = \"")
    });
    let literals = constants.filter_map(|line| line.split('"').nth(1));
    literals.filter(|literal| literal.ends_with(":v1")).map(str::to_owned).collect()
}

/// The public types that can be written as JSON, by derive or by hand.
fn types_in(source: &str) -> Vec<String> {
    let mut types = Vec::new();
    let mut derived = false;
    for line in source.lines() {
        let item = ["pub struct ", "pub enum "].iter().find_map(|start| line.strip_prefix(start));
        if let Some(item) = item {
            if std::mem::take(&mut derived) {
                types.push(word(item));
            }
        } else if line.starts_with("struct ") || line.starts_with("enum ") {
            derived = false;
        } else if line.starts_with("#[derive(") {
            derived = line.contains("Serialize");
        } else if let Some((start, item)) = line.split_once("Serialize for ")
            && start.starts_with("impl")
        {
            types.push(word(item));
        }
    }
    types
}

fn word(text: &str) -> String {
    text.chars().take_while(|character| character.is_alphanumeric()).collect()
}
