//! Pictures of plans.

use std::{collections::BTreeSet, fs, path::Path};

use proptest::prelude::*;
use swarm_core::{
    Plan,
    ids::StepId,
    plan::{self, Ask, OnFail, Program, RetryIf, Step},
    spec::AgentSpec,
    testing::plans::any_program,
};
use swarm_pipeline::{
    graph::{Arrow, Graph, Place, Progress, State},
    simulate::Simulation,
};

use crate::simulation::{program, step};

/// A pipeline with one of everything that leads from one step to another.
fn everything() -> Program {
    let mut test = step("test");
    test.on_fail = Some(OnFail::Goto(1));
    let mut fix = step("fix");
    fix.only_after_error = true;
    fix.next = Some(0);
    let mut review = step("review");
    let readers = ["Read it for bugs.", "Read it for style."];
    let readers = readers.map(|prompt| AgentSpec::command(prompt, ["reader"]).unwrap());
    review.work = plan::par(readers);
    review.retry_if = vec![RetryIf {
        keyword: "REJECT".to_owned(),
        step: 0,
    }];
    review.on_success = Some(Ask {
        governor: "chief".to_owned(),
        width: 3,
    });
    let mut gate = step("gate");
    gate.work = Plan::Approve {
        question: "Release it?".to_owned(),
    };
    program(vec![test, fix, review, gate, step("release")])
}

fn plan_of(program: Program) -> Plan {
    Plan::Pipeline {
        program: program.into(),
    }
}

/// Compares with a file that is in the tree; `UPDATE_EXPECT=1` writes it.
#[expect(clippy::disallowed_methods, reason = "a test has no other settings")]
fn expect(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, found).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "{} is not what it was; see whether that is meant, and run the test with UPDATE_EXPECT=1:\n{found}",
        path.display()
    );
}

fn half_way() -> Graph {
    let plan = plan_of(everything());
    let simulation = Simulation::of(plan.clone())
        .agent("test")
        .fails()
        .then_succeeds();
    let simulation = simulation.agent("fix").cost("0.5".parse().unwrap());
    let simulated = simulation.agent("gate").rejects("no").run().unwrap();
    Graph::of(&plan).painted(&Progress::of_simulated(&simulated))
}

#[test]
fn a_pipeline_as_mermaid() {
    expect(
        "everything.mmd",
        &Graph::of(&plan_of(everything())).mermaid(),
    );
    expect("half_way.mmd", &half_way().mermaid());
}

#[test]
fn a_pipeline_as_dot() {
    expect("half_way.dot", &half_way().dot());
}

#[test]
fn a_pipeline_as_svg() {
    expect("half_way.svg", &half_way().svg());
}

#[test]
fn what_a_run_came_to_is_painted_in_words_too() {
    let mermaid = half_way().mermaid();
    assert!(mermaid.contains("done · visited 2 times"), "{mermaid}");
    assert!(mermaid.contains("$0.5000"), "{mermaid}");
    assert!(mermaid.contains("not reached"), "{mermaid}");
    assert!(mermaid.contains("failed"), "{mermaid}");
    let plan = plan_of(everything());
    let simulated = Simulation::of(plan).run().unwrap();
    let progress = Progress::of_simulated(&simulated);
    assert_eq!(
        progress.of(&StepId::new("fix").unwrap()).state,
        State::Skipped
    );
}

#[test]
fn states_of_a_run_differ_in_words_and_in_their_lines_and_not_in_colour_alone() {
    let svg = half_way().svg();
    let line_around = |word: &str| {
        let (before, _) = svg.split_once(&format!(">{word}")).unwrap();
        let (_, rect) = before.rsplit_once("<rect").unwrap();
        let (rect, _) = rect.split_once("/>").unwrap();
        // What follows the colour.
        let (_, line) = rect.rsplit_once(" stroke=\"#").unwrap();
        line.split_once('"').unwrap().1.to_owned()
    };
    let lines: BTreeSet<String> = ["done", "failed", "not reached"].map(line_around).into();
    assert_eq!(lines.len(), 3, "{lines:?}");
}

const HOSTILE: &str = "a\"]; end --> evil \\ </text><script>alert(1)</script> `x` %%{init}%% \u{202e}#quot;\u{0}\nclick n1 \"javascript:x\"";

#[test]
fn nothing_that_others_have_written_leaves_its_label() {
    let mut first = step("a");
    first.work = plan::run(AgentSpec::command(HOSTILE, ["x"]).unwrap());
    first.retry_if = vec![RetryIf {
        keyword: HOSTILE.to_owned(),
        step: 0,
    }];
    let mut gate = step("gate");
    gate.work = Plan::Approve {
        question: HOSTILE.to_owned(),
    };
    let mut hostile = program(vec![first, gate]);
    hostile.name = Some(HOSTILE.to_owned());
    let graph = Graph::of(&plan_of(hostile));

    let mermaid = graph.mermaid();
    for line in mermaid.lines().skip(1) {
        let quotes = line.matches('"').count();
        assert!(quotes == 0 || quotes == 2, "{line}");
        let label = line.split('"').nth(1).unwrap_or_default();
        assert!(
            !label.replace("<br/>", "").contains(['<', '`', '[', '%']),
            "{line}"
        );
    }
    let dot = graph.dot();
    for line in dot.lines() {
        let bare = line.replace("\\\\", "").replace("\\\"", "");
        assert!(bare.matches('"').count() % 2 == 0, "{line}");
        assert!(!line.contains("<script"), "{line}");
    }
    let svg = graph.svg();
    assert!(
        !svg.contains("<script") && !svg.contains("</text><"),
        "{svg}"
    );
    for text in [mermaid, dot, svg] {
        assert!(!text.contains(['\u{202e}', '\0']), "{text}");
        assert!(!text.contains("javascript:x\""), "{text}");
    }
}

#[test]
fn of_very_many_branches_only_some_are_drawn() {
    let agent = AgentSpec::command("x", ["x"]).unwrap();
    let many = plan::par((0..10_000).map(|_| agent.clone()));
    let mermaid = Graph::of(&many).mermaid();
    assert!(mermaid.contains("… and 9980 more"), "{mermaid}");
    assert!(mermaid.lines().count() < 40);
}

/// Where the machine may go, said once more.
fn ways(program: &Program) -> BTreeSet<(Place, Place, Arrow)> {
    let step = |index: usize| match program.steps.get(index) {
        Some(step) => Place::Step(step.id.clone()),
        None => Place::End,
    };
    let at = |index: u32| step(index as usize);
    let mut ways = BTreeSet::from([(Place::Start, at(program.entry), Arrow::Flow)]);
    for (i, from) in program.steps.iter().enumerate() {
        let here = Place::Step(from.id.clone());
        let mut way = |to: Place, arrow| ways.insert((here.clone(), to, arrow));
        match from.next {
            Some(next) => way(at(next), Arrow::Next),
            None => way(step(i + 1), Arrow::Flow),
        };
        if from.only_after_error && from.next.is_some() {
            way(step(i + 1), Arrow::Skip);
        }
        for retry in &from.retry_if {
            way(at(retry.step), Arrow::RetryIf);
        }
        let asked = |ask: &Ask| Place::Governor(ask.governor.clone());
        match &from.on_fail {
            Some(OnFail::Goto(to)) => drop(way(at(*to), Arrow::OnFail)),
            Some(OnFail::Ask(ask)) => drop(way(asked(ask), Arrow::Ask)),
            None => {}
        }
        if let Some(ask) = &from.on_success {
            way(asked(ask), Arrow::Ask);
        }
    }
    ways
}

/// Every element is closed, and there is nothing but what is drawn.
fn is_well_formed(svg: &str) -> bool {
    let mut open = Vec::new();
    for tag in svg.split('<').skip(1) {
        let Some((tag, _)) = tag.split_once('>') else {
            return false;
        };
        let name = tag.split([' ', '/']).next().unwrap_or_default();
        if let Some(closed) = tag.strip_prefix('/') {
            if open.pop() != Some(closed) {
                return false;
            }
        } else if !tag.ends_with('/') {
            open.push(name);
        }
    }
    open.is_empty()
}

/// An attribute of an element.
fn number(element: &str, name: &str) -> u32 {
    let (_, value) = element.split_once(&format!(" {name}=\"")).unwrap();
    value.split('"').next().unwrap().parse().unwrap()
}

/// Width and height of a picture.
fn size(svg: &str) -> (u32, u32) {
    (number(svg, "width"), number(svg, "height"))
}

/// Each text: where it begins, its base line, and how wide it is in a font whose letters are 7 wide, or 14 in other scripts.
fn texts(svg: &str) -> Vec<(u32, u32, u32)> {
    let texts = svg.lines().filter(|line| line.starts_with("<text "));
    let texts = texts.map(|line| {
        let (_, inner) = line.split_once('>').unwrap();
        let mut text = inner.strip_suffix("</text>").unwrap().to_owned();
        for (written, means) in [
            ("&amp;", "&"),
            ("&lt;", "<"),
            ("&gt;", ">"),
            ("&quot;", "\""),
            ("&#39;", "'"),
        ] {
            text = text.replace(written, means);
        }
        let width = text
            .chars()
            .map(|c| if c < '\u{300}' { 7 } else { 14 })
            .sum();
        (number(line, "x"), number(line, "y"), width)
    });
    texts.collect()
}

proptest! {
    #[test]
    fn the_graph_has_exactly_the_steps_and_transitions_of_the_program(program in any_program()) {
        let graph = Graph::of(&plan_of(program.clone()));
        let steps: Vec<&StepId> = graph.steps().collect();
        let expected: Vec<&StepId> = program.steps.iter().map(|step: &Step| &step.id).collect();
        prop_assert_eq!(steps, expected);
        let drawn = graph.transitions().into_iter().map(|way| (way.from, way.to, way.arrow));
        prop_assert_eq!(drawn.collect::<BTreeSet<_>>(), ways(&program));
    }

    /// Graph and machine agree: whatever a run does is an arrow.
    #[test]
    fn every_way_that_a_run_takes_is_in_the_graph(program in any_program(), seed: u64) {
        let plan = plan_of(program);
        let graph = Graph::of(&plan);
        let drawn: BTreeSet<_> = graph.transitions().into_iter().map(|way| (way.from, way.to)).collect();
        let simulated = Simulation::of(plan).dice(seed).run().unwrap();
        let visits = &simulated.trace().unwrap().visits;
        for (from, to) in visits.iter().zip(visits.iter().skip(1)) {
            if from.decision.is_some() || to.entered == swarm_core::machine::Entered::Governor {
                continue;
            }
            let way = (Place::Step(from.step.clone()), Place::Step(to.step.clone()));
            prop_assert!(drawn.contains(&way), "{:?}\n{}", way, simulated);
        }
    }

    #[test]
    fn no_text_of_a_picture_is_cut_or_under_another(program in any_program(), seed: u64) {
        let plan = plan_of(program);
        let simulated = Simulation::of(plan.clone()).dice(seed).run().unwrap();
        for graph in [Graph::of(&plan), Graph::of(&plan).painted(&Progress::of_simulated(&simulated))] {
            let svg = graph.svg();
            let (texts, picture) = (texts(&svg), size(&svg));
            for (i, one) in texts.iter().enumerate() {
                prop_assert!(one.0 + one.2 <= picture.0 && one.1 < picture.1, "{:?} is cut: {}", one, svg);
                for other in &texts[i + 1..] {
                    let beside = one.0 + one.2 <= other.0 || other.0 + other.2 <= one.0;
                    let above = one.1.abs_diff(other.1) >= 14;
                    prop_assert!(beside || above, "{:?} is over {:?}: {}", one, other, svg);
                }
            }
        }
    }

    #[test]
    fn every_picture_is_whole(program in any_program()) {
        let graph = Graph::of(&plan_of(program));
        let (mermaid, dot, svg) = (graph.mermaid(), graph.dot(), graph.svg());
        prop_assert!(is_well_formed(&svg), "{}", svg);
        prop_assert_eq!(mermaid.matches("subgraph ").count(), mermaid.lines().filter(|l| l.trim() == "end").count());
        prop_assert_eq!(dot.matches('{').count(), dot.matches('}').count());
    }
}
