//! As processes.

use super::stage::Stage;
use crate::model_server::Turn;

#[test]
fn what_it_says_is_the_result() {
    let stage = Stage::as_process([Turn::text("Hello, world.")]);
    let found = stage.run("Say hello.", &[]).ok().value();
    eprintln!("{found:#}");
    assert_eq!(stage.text(&found), "Hello, world.");
    for r in stage.model.requests() {
        eprintln!(
            "{:#?} {}",
            r.headers,
            serde_json::to_string(&r.body).unwrap().len()
        );
        eprintln!("{:?}", r.tools());
    }
}
