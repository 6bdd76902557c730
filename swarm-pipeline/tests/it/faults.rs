//! Faults of an earlier pipeline interpreter that must not come back. What happens while one runs is tested in swarm-core.

use serde_json::json;
use swarm_core::{plan::OnFail, refs::Level};

use crate::support::{program, wrong};

#[test]
fn a_step_without_an_id_has_a_name_that_governors_can_jump_to_and_go_on_from() {
    let program = program(
        r#"{"governors": {"g": {"spec": "x"}}, "steps": [
            {"prompt": "a", "on_fail": {"governor": "g"}}, {"prompt": "b", "next": "step-0", "on_fail": {"governor": "g"}}]}"#,
    );
    let ids: Vec<&str> = program.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids, ["step-0", "step-1"]);
    assert_eq!(program.step("step-1"), Some(1));
    assert_eq!(program.steps[1].next, Some(0));
    assert!(matches!(&program.steps[0].on_fail, Some(OnFail::Ask(ask)) if ask.width == 1));
}

#[test]
fn the_types_of_a_step_are_kept_and_written_out() {
    let program = program(
        r#"{"steps": [{"prompt": "a", "input_type": "A list of [research-notes].", "output_type": "code-review"}]}"#,
    );
    let sandbox = &program.steps[0].work.agents()[0].sandbox;
    let input = sandbox.input_type.as_deref().unwrap();
    assert!(input.starts_with("A list of **research-notes**"), "{input}");
    assert!(sandbox.output_type.as_deref().unwrap().len() > 100);
}

#[test]
fn the_classification_of_a_pipeline_is_kept() {
    for classification in [
        json!("confidential"),
        json!({"level": "confidential"}),
        json!({"level": "confidential", "level_numeric": 2, "denied_mcps": []}),
    ] {
        let text = json!({"classification": classification, "steps": [{"prompt": "a"}]});
        let limits = program(&text.to_string()).limits;
        assert_eq!(limits.classification.unwrap().level, Level::Confidential);
    }
}

#[test]
fn tools_may_be_a_list_or_a_comma_string() {
    let program = program(
        r#"{"steps": [{"prompt": "a", "tools": ["Read", "Bash"]}, {"prompt": "b", "tools": "Read, Bash"}]}"#,
    );
    let tools = |step: usize| program.steps[step].work.agents()[0].sandbox.tools.clone();
    assert_eq!(tools(0), ["Read", "Bash"]);
    assert_eq!(tools(0), tools(1));
}

#[test]
fn space_ahead_of_a_definition_does_not_make_a_name_of_it() {
    for text in [
        "\n{\"steps\": [{\"prompt\": \"a\"}]}",
        " \t\r\n{\"steps\": [{\"prompt\": \"a\"}]}\n",
        "\n\n[[steps]]\nprompt = \"a\"",
    ] {
        assert_eq!(program(text).steps.len(), 1, "{text:?}");
    }
}

#[test]
fn a_list_in_place_of_a_definition_is_told_what_is_expected() {
    assert_eq!(
        wrong(r#"[{"prompt": "a"}]"#),
        ["line 1, column 1: expected an object, got a list"]
    );
    assert_eq!(
        wrong("[]"),
        ["line 1, column 1: expected an object, got a list"]
    );
}

#[test]
fn a_sandbox_of_a_step_may_be_a_name_an_object_or_json_text() {
    let program = program(
        r#"{"sandboxes": {"off": {"network": false}}, "steps": [
            {"prompt": "a", "sandbox": "off"}, {"prompt": "b", "sandbox": {"network": false}},
            {"prompt": "c", "sandbox": "\n {\"network\": false}"}]}"#,
    );
    let network = |step: usize| program.steps[step].work.agents()[0].sandbox.network.clone();
    assert_eq!(network(0), swarm_core::spec::Network::None);
    assert_eq!((network(1), network(2)), (network(0), network(0)));
}

#[test]
fn a_named_sandbox_is_not_overridden_by_what_nobody_said() {
    let program = program(
        r#"{"sandbox": {"network": true, "tools": ["Bash"], "timeout": 7}, "sandboxes": {"off": {"network": false, "tools": []}},
            "steps": [{"par": [{"prompt": "a", "sandbox": "off"}, "b"], "model": "opus", "timeout": 9}]}"#,
    );
    let agents = program.steps[0].work.agents();
    let [off, plain] = &agents[..] else {
        panic!("{agents:?}")
    };
    assert_eq!(off.sandbox.network, swarm_core::spec::Network::None);
    assert!(off.sandbox.tools.is_empty());
    // A sandbox begins anew: nothing that was said around it can open it.
    assert_eq!(off.sandbox.model, None);
    assert_eq!(plain.sandbox.tools, ["Bash"]);
    assert_eq!(plain.sandbox.timeout.as_secs(), 9);
}

#[test]
fn words_that_lead_elsewhere_keep_their_order() {
    for text in [
        r#"{"steps": [{"id": "a", "prompt": "x", "retry_if": {"Z": "a", "A": "b"}}, {"id": "b", "prompt": "x"}]}"#,
        r#"{"steps": [{"id": "a", "prompt": "x", "retry_if": [{"keyword": "Z", "step": "a"}, {"keyword": "A", "step": "b"}]},
            {"id": "b", "prompt": "x"}]}"#,
        "[[steps]]\nid = \"a\"\nprompt = \"x\"\n[steps.retry_if]\nZ = \"a\"\nA = \"b\"\n[[steps]]\nid = \"b\"\nprompt = \"x\"",
    ] {
        let program = program(text);
        let words: Vec<&str> = program.steps[0]
            .retry_if
            .iter()
            .map(|word| word.keyword.as_str())
            .collect();
        assert_eq!(words, ["Z", "A"], "{text}");
        // The program keeps it in a form that has an order.
        let kept = &program.definition["steps"][0]["retry_if"];
        assert_eq!(kept[0]["keyword"], "Z");
    }
}

#[test]
fn no_retries_means_none_by_jump() {
    let program = program(r#"{"steps": [{"prompt": "x", "max_retries": 0}, {"prompt": "y"}]}"#);
    assert_eq!(program.steps[0].max_retries, 0);
    assert_eq!(program.steps[1].max_retries, 3);
}

#[test]
fn the_width_of_a_governor_is_that_of_the_step_then_of_the_pipeline_then_its_own() {
    let width = |step: &str, pipeline: &str| {
        let text = format!(
            r#"{{{pipeline} "governors": {{"g": {{"spec": "x", "beam_width": 5}}}},
                "steps": [{{"prompt": "x", "on_success": {{"governor": "g"{step}}}}}]}}"#
        );
        program(&text).steps[0].on_success.as_ref().unwrap().width
    };
    assert_eq!(width("", ""), 5);
    assert_eq!(width("", "\"governor_beam\": 3,"), 3);
    assert_eq!(width(", \"beam_width\": 2", "\"governor_beam\": 3,"), 2);
}

#[test]
fn a_governor_is_an_agent_without_tools_that_is_told_how_to_answer() {
    let program = program(
        r#"{"governors": {"g": {"spec": "Be strict."}, "own": {"spec": "x", "agent": {"command": ["decide"]}}}, "steps": [
            {"prompt": "x", "on_success": {"governor": "g"}, "on_fail": {"governor": "own"}}]}"#,
    );
    let governor = &program.governors["g"].agent;
    assert!(governor.prompt.starts_with("Be strict.\n\n# How to answer"));
    for action in [
        "next",
        "jump",
        "halt",
        "broken",
        "patch_pipeline",
        "confidence",
    ] {
        assert!(governor.prompt.contains(action), "{action}");
    }
    assert!(governor.sandbox.tools.is_empty() && governor.sandbox.mounts.is_empty());
    assert_eq!(governor.sandbox.timeout.as_secs(), 120);
    assert_eq!(governor.sandbox.model.as_deref(), Some("haiku"));
    assert_eq!(program.governors["own"].agent.sandbox.model, None);
}
