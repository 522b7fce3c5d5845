//! The generated files are current and say every word.
#![cfg(feature = "schema")]

use std::{collections::BTreeSet, fs, path::PathBuf};

use keepline_protocol::schema::{files, json_schema, typescript};

fn crate_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_files_in_the_repository_are_current() {
    for (name, text) in files() {
        let stored = fs::read_to_string(crate_folder().join("schema").join(name)).expect("a generated file");
        assert!(stored == text, "{name} is not what the types say: run keepline-schema");
    }
}

#[test]
fn every_golden_name_is_in_the_schema_and_in_the_event_maps() {
    let (document, maps) = (json_schema(), typescript());
    for (kind, sections) in
        [("actions", ["actions", "sessionActions"]), ("events", ["events", "sessionEvents"])]
    {
        let golden = fs::read_dir(crate_folder().join("golden").join(kind)).expect("the golden folder");
        let golden: BTreeSet<String> = golden
            .map(|entry| {
                entry.expect("a file").path().file_stem().expect("a name").to_string_lossy().replace('.', ":")
            })
            .collect();
        let words =
            sections.iter().flat_map(|section| document[section].as_object().expect("a section").keys());
        let words: BTreeSet<String> = words.cloned().collect();
        assert_eq!(words, golden);
        for name in words {
            assert!(maps.contains(&format!("\"{name}\": On")), "{name}");
        }
    }
}
