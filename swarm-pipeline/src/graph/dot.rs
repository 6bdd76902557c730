//! DOT, the language of Graphviz.

use std::fmt::Write as _;

use super::{
    model::{Graph, Part, Shape},
    text,
};

impl Graph {
    /// As a graph in DOT.
    pub fn dot(&self) -> String {
        let mut out = String::from(
            "digraph plan {\n    compound=true; rankdir=TB;\n    node [fontname=\"sans-serif\", fontsize=11];\n    edge [fontname=\"sans-serif\", fontsize=10];\n",
        );
        for part in &self.roots {
            self.dot_part(*part, 1, &mut out);
        }
        for arrow in &self.arrows {
            let (from, to) = (self.inner(arrow.from), self.inner(arrow.to));
            let mut with = Vec::new();
            if !arrow.label.is_empty() {
                with.push(format!("label=\"{}\"", text::dot(&arrow.label)));
            }
            if arrow.arrow.is_dashed() {
                with.push("style=dashed".to_owned());
            }
            // Arrows lead from node to node, but are cut off at the edges of boxes.
            for (end, part) in [("ltail", arrow.from), ("lhead", arrow.to)] {
                if let Part::Box(at) = part {
                    with.push(format!("{end}=cluster_{at}"));
                }
            }
            let with = with.join(", ");
            // Writing to a string cannot fail.
            let _ = writeln!(out, "    n{from} -> n{to} [{with}];");
        }
        out.push_str("}\n");
        out
    }

    /// A node that is there, or in there.
    fn inner(&self, part: Part) -> usize {
        match part {
            Part::Node(at) => at,
            Part::Box(at) => {
                let first = self.boxes.get(at).and_then(|found| found.parts.first());
                first.map_or(0, |part| self.inner(*part))
            }
        }
    }

    fn dot_part(&self, part: Part, depth: usize, out: &mut String) {
        let lines = self.lines(part);
        let lines: Vec<String> = lines.iter().map(|line| text::dot(line)).collect();
        let (label, indent) = (lines.join("\\n"), "    ".repeat(depth));
        let paint = self.progress(part).map(|progress| {
            let (fill, line) = progress.state.colours();
            format!("style=\"filled\", fillcolor=\"{fill}\", color=\"{line}\"")
        });
        match part {
            Part::Node(at) => {
                let shape = self.nodes.get(at).map_or(Shape::Note, |node| node.shape);
                let shape = match shape {
                    Shape::Start | Shape::End => "oval",
                    Shape::Agent => "box",
                    Shape::Evaluator => "parallelogram",
                    Shape::Governor => "hexagon",
                    Shape::Person => "trapezium",
                    Shape::Guard => "cds",
                    Shape::Note => "note",
                };
                let paint = paint.map_or_else(String::new, |paint| format!(", {paint}"));
                let _ = writeln!(
                    out,
                    "{indent}n{at} [label=\"{label}\", shape={shape}{paint}];"
                );
            }
            Part::Box(at) => {
                let _ = writeln!(out, "{indent}subgraph cluster_{at} {{");
                let _ = writeln!(out, "{indent}    label=\"{label}\";");
                if let Some(paint) = paint {
                    let _ = writeln!(out, "{indent}    graph [{paint}];");
                }
                let parts = self.boxes.get(at).map(|found| found.parts.as_slice());
                for part in parts.unwrap_or_default() {
                    self.dot_part(*part, depth + 1, out);
                }
                let _ = writeln!(out, "{indent}}}");
            }
        }
    }
}
