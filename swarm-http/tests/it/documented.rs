//! The document of what the daemon answers to.

use std::{fs, path::Path};

use swarm_http::{Kind, openapi, operations};

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "not configuration: a switch of this test"
)]
fn the_committed_document_is_the_one_that_the_routes_make() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/openapi.json");
    let made = serde_json::to_string_pretty(&openapi::document()).unwrap() + "\n";
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &made).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == made,
        "docs/reference/openapi.json is not what the routes are; run this test with UPDATE_EXPECT=1"
    );
}

#[test]
fn every_reference_in_the_document_leads_somewhere() {
    let document = openapi::document();
    let text = document.to_string();
    let references = text.split("\"$ref\":\"#").skip(1);
    for reference in references.filter_map(|rest| rest.split('"').next()) {
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
}

#[test]
fn names_are_a_noun_and_a_verb_and_nothing_is_listed_twice() {
    let all = operations::ALL;
    let mut names: Vec<_> = all.iter().map(|entry| entry.name).collect();
    for name in &names {
        let (noun, verb) = name.split_once('/').unwrap();
        let plain = |part: &str| part.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        assert!(plain(noun) && plain(verb), "{name}");
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all.len());
    assert!(all.iter().any(|entry| entry.kind == Kind::Question));
}
