//! The schema that is committed.

use std::{fs, path::Path};

use serde_json::Value;
use swarm_core::spec::SandboxSpec;

/// `UPDATE_EXPECT=1 cargo test -p swarm-pipeline generated` writes it anew.
#[test]
fn the_schema_that_is_committed_is_the_present_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/pipeline.schema.json");
    let present = format!("{:#}\n", swarm_pipeline::schema());
    #[expect(clippy::disallowed_methods, reason = "whoever runs the test says so")]
    if std::env::var("UPDATE_EXPECT").is_ok() {
        fs::write(&path, &present).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap();
    assert_eq!(
        committed, present,
        "UPDATE_EXPECT=1 writes docs/reference/pipeline.schema.json anew"
    );
}

#[test]
fn everything_in_the_schema_says_what_it_is() {
    let schema = swarm_pipeline::schema();
    let objects = schema["$defs"].as_object().unwrap();
    assert!(objects.len() > 15);
    for (name, object) in objects {
        assert!(object["description"].is_string(), "{name}");
        for (field, about) in object["properties"].as_object().unwrap() {
            let text = about["description"].as_str().unwrap_or_default();
            assert!(text.len() > 8, "{name}.{field}");
        }
    }
    let step = &schema["$defs"]["step"]["properties"];
    for field in SandboxSpec::FIELDS {
        assert_ne!(step[field], Value::Null, "{field}");
    }
}
