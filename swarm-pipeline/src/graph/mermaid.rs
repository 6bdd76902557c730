//! Mermaid, which many readers of Markdown show as a picture.

use std::fmt::Write as _;

use super::{
    model::{Graph, Part, Shape},
    progress::State,
    text,
};

impl Graph {
    /// As a flow chart of Mermaid.
    pub fn mermaid(&self) -> String {
        let mut out = String::from("flowchart TD\n");
        for part in &self.roots {
            self.mermaid_part(*part, 1, &mut out);
        }
        for arrow in &self.arrows {
            let (from, to) = (id(arrow.from), id(arrow.to));
            let line = if arrow.arrow.is_dashed() {
                "-.->"
            } else {
                "-->"
            };
            let label = match text::mermaid(&arrow.label) {
                label if label.is_empty() => label,
                label => format!("|\"{label}\"|"),
            };
            // Writing to a string cannot fail.
            let _ = writeln!(out, "    {from} {line}{label} {to}");
        }
        let parts = self.steps.iter().map(|(_, part)| *part);
        let painted: Vec<(Part, State)> = parts
            .filter_map(|part| Some((part, self.progress(part)?.state)))
            .collect();
        let mut defined = Vec::new();
        for (part, state) in painted {
            let class = state.class();
            if !defined.contains(&class) {
                let (fill, line) = state.colours();
                let _ = writeln!(
                    out,
                    "    classDef {class} fill:{fill},stroke:{line},color:#111111"
                );
                defined.push(class);
            }
            let _ = writeln!(out, "    class {} {class}", id(part));
        }
        out
    }

    fn mermaid_part(&self, part: Part, depth: usize, out: &mut String) {
        let lines = self.lines(part);
        let lines: Vec<String> = lines.iter().map(|line| text::mermaid(line)).collect();
        let (id, label, indent) = (id(part), lines.join("<br/>"), "    ".repeat(depth));
        match part {
            Part::Node(at) => {
                let shape = self.nodes.get(at).map_or(Shape::Note, |node| node.shape);
                let (open, close) = match shape {
                    Shape::Start | Shape::End => ("([", "])"),
                    Shape::Agent => ("[", "]"),
                    Shape::Evaluator => ("[/", "/]"),
                    Shape::Governor => ("{{", "}}"),
                    Shape::Person => ("[\\", "\\]"),
                    Shape::Guard => (">", "]"),
                    Shape::Note => ("(", ")"),
                };
                let _ = writeln!(out, "{indent}{id}{open}\"{label}\"{close}");
            }
            Part::Box(at) => {
                let _ = writeln!(out, "{indent}subgraph {id}[\"{label}\"]");
                let parts = self.boxes.get(at).map(|found| found.parts.as_slice());
                for part in parts.unwrap_or_default() {
                    self.mermaid_part(*part, depth + 1, out);
                }
                let _ = writeln!(out, "{indent}end");
            }
        }
    }
}

/// A name that no word of Mermaid has.
fn id(part: Part) -> String {
    match part {
        Part::Node(at) => format!("n{at}"),
        Part::Box(at) => format!("b{at}"),
    }
}
