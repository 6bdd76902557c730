//! SVG, without any other program.

use std::fmt::Write as _;

use super::{
    layout::{LINE, Layout, Spot},
    model::{Graph, Part, Shape},
    text,
};

/// How far arrows that do not lead to what is next keep from each other.
const LANE: u32 = 26;

impl Graph {
    /// As a picture in SVG. It has no links, no scripts and nothing from elsewhere.
    pub fn svg(&self) -> String {
        let layout = Layout::of(self);
        let labels = self
            .arrows
            .iter()
            .map(|a| super::layout::width_of(&a.label));
        let width = layout.width.saturating_add(labels.max().unwrap_or(0));
        let height = layout.height;
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" font-family=\"monospace\" font-size=\"12\">"
        );
        out.push_str("<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#444444\"/></marker></defs>\n");
        for part in &self.roots {
            self.svg_part(*part, &layout, &mut out);
        }
        let mut lanes = 0;
        for arrow in &self.arrows {
            let (Some(from), Some(to)) = (
                layout.spots.get(&arrow.from).copied(),
                layout.spots.get(&arrow.to).copied(),
            ) else {
                continue;
            };
            let is_next = to.y >= from.y + from.height && to.y - from.y - from.height <= 2 * LANE;
            let (path, at) = if is_next {
                straight(from, to)
            } else {
                lanes += 1;
                around(from, to, lanes)
            };
            let dashes = if arrow.arrow.is_dashed() {
                " stroke-dasharray=\"5 3\""
            } else {
                ""
            };
            let _ = writeln!(
                out,
                "<path d=\"{path}\" fill=\"none\" stroke=\"#444444\"{dashes} marker-end=\"url(#tip)\"/>"
            );
            if !arrow.label.is_empty() {
                let label = text::xml(&arrow.label);
                let (x, y) = at;
                let _ = writeln!(
                    out,
                    "<text x=\"{x}\" y=\"{y}\" fill=\"#444444\">{label}</text>"
                );
            }
        }
        out.push_str("</svg>\n");
        out
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
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{round}\" fill=\"{fill}\" stroke=\"{line}\"/>"
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
            for part in parts.unwrap_or_default() {
                self.svg_part(*part, layout, out);
            }
        }
    }
}

/// From the lower edge to the upper edge.
fn straight(from: Spot, to: Spot) -> (String, (u32, u32)) {
    let (x, y) = (from.x + from.width / 2, from.y + from.height);
    let (to_x, to_y) = (to.x + to.width / 2, to.y);
    let path = format!("M{x} {y}L{to_x} {to_y}");
    (
        path,
        (u32::midpoint(x, to_x) + 4, u32::midpoint(y, to_y) + 4),
    )
}

/// From the right edge to the right edge, past everything between.
fn around(from: Spot, to: Spot, lane: u32) -> (String, (u32, u32)) {
    let (x, y) = (from.x + from.width, from.y + from.height / 2);
    let (to_x, to_y) = (to.x + to.width, to.y + to.height / 2 + lane % 7);
    let right = x.max(to_x) + LANE.saturating_mul(lane % 12 + 1) / 2 + 8;
    let path = format!("M{x} {y}C{right} {y} {right} {to_y} {to_x} {to_y}");
    let middle = right - (right - x.max(to_x)) / 4;
    (path, (middle, u32::midpoint(y, to_y)))
}
