//! SVG, without any other program.

use std::fmt::Write as _;

use super::{
    layout::{LINE, Layout, Spot},
    model::{Graph, Part, Shape},
    text,
};

impl Graph {
    /// As a picture in SVG. It has no links, no scripts and nothing from elsewhere.
    pub fn svg(&self) -> String {
        let layout = Layout::of(self);
        let (width, height) = (layout.width, layout.height);
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" font-family=\"monospace\" font-size=\"12\">"
        );
        out.push_str("<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#444444\"/></marker></defs>\n");
        self.svg_parts(&self.roots, None, &layout, &mut out);
        out.push_str("</svg>\n");
        out
    }

    /// What is in a box, or in none: first the arrows, so that they pass behind everything, and their labels last.
    fn svg_parts(&self, parts: &[Part], within: Option<usize>, layout: &Layout, out: &mut String) {
        let routes = layout.routes.get(&within);
        let routes = || routes.into_iter().flatten();
        for route in routes() {
            let is_dashed = self.arrows.get(route.arrow);
            let is_dashed = is_dashed.is_some_and(|arrow| arrow.arrow.is_dashed());
            let dashes = if is_dashed {
                " stroke-dasharray=\"5 3\""
            } else {
                ""
            };
            let path = &route.path;
            let _ = writeln!(
                out,
                "<path d=\"{path}\" fill=\"none\" stroke=\"#444444\"{dashes} marker-end=\"url(#tip)\"/>"
            );
            if let Some(leader) = &route.leader {
                let _ = writeln!(
                    out,
                    "<path d=\"{leader}\" fill=\"none\" stroke=\"#999999\" stroke-dasharray=\"1 3\"/>"
                );
            }
        }
        for part in parts {
            self.svg_part(*part, layout, out);
        }
        for route in routes() {
            let label = self.arrows.get(route.arrow).map(|arrow| &arrow.label);
            let Some(label) = label.filter(|label| !label.is_empty()) else {
                continue;
            };
            let (label, (x, y)) = (text::xml(label), route.label);
            // The broad line around the letters keeps other lines out of them.
            let _ = writeln!(
                out,
                "<text x=\"{x}\" y=\"{y}\" fill=\"#444444\" stroke=\"#ffffff\" stroke-width=\"4\" paint-order=\"stroke\">{label}</text>"
            );
        }
    }

    fn svg_part(&self, part: Part, layout: &Layout, out: &mut String) {
        let Some(spot) = layout.spots.get(&part) else {
            return;
        };
        let shape = match part {
            Part::Node(at) => self.nodes.get(at).map(|node| node.shape),
            Part::Box(_) => None,
        };
        let (fill, line) = match (self.progress(part), shape) {
            (Some(progress), _) => progress.state.colours(),
            (None, None) => ("#fafafa", "#888888"),
            (None, Some(Shape::Agent)) => ("#ffffff", "#222222"),
            (None, Some(Shape::Evaluator)) => ("#ecfeff", "#0e7490"),
            (None, Some(Shape::Governor)) => ("#fdf4ff", "#a21caf"),
            (None, Some(Shape::Person | Shape::Guard)) => ("#fffbeb", "#b45309"),
            (None, Some(Shape::Start | Shape::End | Shape::Note)) => ("#f4f4f4", "#888888"),
        };
        // Whoever sees no colours sees how thick a line is, or that it is broken; and it is said in words.
        let stroke = self.progress(part).map_or("", |found| found.state.stroke());
        let round = match shape {
            Some(Shape::Start | Shape::End) => 18,
            Some(Shape::Note) => 8,
            _ => 3,
        };
        let Spot {
            x,
            y,
            width,
            height,
        } = *spot;
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{round}\" fill=\"{fill}\" stroke=\"{line}\"{stroke}/>"
        );
        let mut below = y + LINE + 6;
        for line in self.lines(part) {
            let (left, line) = (x + 12, text::xml(&line));
            let _ = writeln!(
                out,
                "<text x=\"{left}\" y=\"{below}\" fill=\"#111111\">{line}</text>"
            );
            below = below.saturating_add(LINE);
        }
        if let Part::Box(at) = part {
            let parts = self.boxes.get(at).map(|found| found.parts.as_slice());
            self.svg_parts(parts.unwrap_or_default(), Some(at), layout, out);
        }
    }
}
