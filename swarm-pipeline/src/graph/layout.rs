//! Where everything goes: what follows is below, what is side by side is beside it, and what is within is within.

use std::collections::HashMap;

use super::model::{Graph, Part};

pub(super) const LINE: u32 = 16;
const CHAR: u32 = 8;
const PADDING: u32 = 12;
const GAP: u32 = 28;
/// Room for arrows that do not lead to what is next, each with its label.
const LANE: u32 = 26;

/// A place in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// Where every part is, and how large all of it is.
pub(super) struct Layout {
    pub(super) spots: HashMap<Part, Spot>,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// What is in a box, in rows.
struct Rows {
    rows: Vec<Vec<Part>>,
    /// Room on the right.
    lanes: u32,
}

impl Layout {
    pub(super) fn of(graph: &Graph) -> Self {
        let mut layout = Self {
            spots: HashMap::new(),
            width: 0,
            height: 0,
        };
        let root = layout.place_all(graph, &graph.roots, GAP, GAP);
        layout.width = root.0 + 2 * GAP;
        layout.height = root.1 + 2 * GAP;
        layout
    }

    /// Places `parts` from the corner on; returns the width and height that they take.
    fn place_all(&mut self, graph: &Graph, parts: &[Part], x: u32, y: u32) -> (u32, u32) {
        let Rows { rows, lanes } = rows(graph, parts);
        let (mut width, mut below) = (0, y);
        for row in rows {
            let (mut right, mut height) = (x, 0);
            for part in row {
                let spot = self.place(graph, part, right, below);
                right = right.saturating_add(spot.width).saturating_add(GAP);
                height = height.max(spot.height);
            }
            width = width.max(right.saturating_sub(x).saturating_sub(GAP));
            below = below.saturating_add(height).saturating_add(GAP);
        }
        let height = below.saturating_sub(y).saturating_sub(GAP);
        (width.saturating_add(lanes.saturating_mul(LANE)), height)
    }

    fn place(&mut self, graph: &Graph, part: Part, x: u32, y: u32) -> Spot {
        let lines = graph.lines(part);
        let longest = lines.iter().map(|line| width_of(line)).max().unwrap_or(0);
        let text = u32::try_from(lines.len()).unwrap_or(1).saturating_mul(LINE);
        let (width, height) = match part {
            Part::Node(_) => (longest, text),
            Part::Box(at) => {
                let parts = graph.boxes.get(at).map(|found| found.parts.clone());
                let (left, top) = (x + PADDING, y.saturating_add(text) + PADDING + GAP / 2);
                let inner = self.place_all(graph, &parts.unwrap_or_default(), left, top);
                (longest.max(inner.0), text.saturating_add(inner.1) + GAP / 2)
            }
        };
        let spot = Spot {
            x,
            y,
            width: width.saturating_add(2 * PADDING),
            height: height.saturating_add(2 * PADDING),
        };
        self.spots.insert(part, spot);
        spot
    }
}

/// In the first row is what nothing leads to; each other part is below all that leads to it from further up.
fn rows(graph: &Graph, parts: &[Part]) -> Rows {
    let order: HashMap<Part, usize> = parts
        .iter()
        .enumerate()
        .map(|(i, part)| (*part, i))
        .collect();
    let mut row = vec![0_usize; parts.len()];
    let mut forward: Vec<(usize, usize)> = Vec::new();
    let mut lanes = 0;
    for arrow in &graph.arrows {
        if let (Some(from), Some(to)) = (order.get(&arrow.from), order.get(&arrow.to)) {
            if from < to {
                forward.push((*from, *to));
            }
            if from.abs_diff(*to) != 1 {
                lanes += 1;
            }
        }
    }
    // In the order of their ends, so that whatever leads to a part has its place before the part itself.
    forward.sort_unstable_by_key(|&(from, to)| (to, from));
    for (from, to) in forward {
        let below = row.get(from).map_or(0, |row| row + 1);
        if let Some(row) = row.get_mut(to) {
            *row = below.max(*row);
        }
    }
    let count = row.iter().max().map_or(0, |last| last + 1);
    let mut rows = vec![Vec::new(); count];
    for (part, at) in parts.iter().zip(row) {
        if let Some(row) = rows.get_mut(at) {
            row.push(*part);
        }
    }
    Rows { rows, lanes }
}

/// Letters of other scripts may be twice as wide.
pub(super) fn width_of(line: &str) -> u32 {
    let width = |c: char| if c < '\u{300}' { CHAR } else { 2 * CHAR };
    line.chars().map(width).fold(0, u32::saturating_add)
}
