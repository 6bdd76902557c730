//! Where everything goes: what follows is below, what is side by side is beside it, and what is within is within.

use std::collections::HashMap;

use super::{
    model::{Graph, Part},
    routes::{Route, Routing, Rows},
};

pub(super) const LINE: u32 = 16;
const CHAR: u32 = 8;
const PADDING: u32 = 12;
pub(super) const GAP: u32 = 28;

/// A place in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Spot {
    pub(super) const fn right(self) -> u32 {
        self.x.saturating_add(self.width)
    }

    pub(super) const fn bottom(self) -> u32 {
        self.y.saturating_add(self.height)
    }
}

/// Where every part and every arrow is, and how large all of it is.
pub(super) struct Layout {
    pub(super) spots: HashMap<Part, Spot>,
    /// The arrows between parts of the same box, by the box; those between parts that are in none at the end of it.
    pub(super) routes: HashMap<Option<usize>, Vec<Route>>,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Layout {
    pub(super) fn of(graph: &Graph) -> Self {
        let mut layout = Self {
            spots: HashMap::new(),
            routes: HashMap::new(),
            width: 0,
            height: 0,
        };
        let root = layout.place_all(graph, None, &graph.roots, (GAP, GAP));
        layout.width = root.0.saturating_add(2 * GAP);
        layout.height = root.1.saturating_add(2 * GAP);
        layout
    }

    /// Places `parts`, which are what is in a box, from the corner on; returns the width and height that they take.
    fn place_all(
        &mut self,
        graph: &Graph,
        within: Option<usize>,
        parts: &[Part],
        (x, y): (u32, u32),
    ) -> (u32, u32) {
        let rows = Rows::of(graph, parts);
        let mut routing = Routing::new(graph, &rows);
        let (mut width, mut below) = (0, y);
        for (at, row) in rows.rows.iter().enumerate() {
            let (mut right, mut height) = (x, 0);
            for part in row {
                let spot = self.place(graph, *part, right, below);
                right = right.saturating_add(spot.width).saturating_add(GAP);
                height = height.max(spot.height);
            }
            width = width.max(right.saturating_sub(x).saturating_sub(GAP));
            below = below.saturating_add(height);
            routing.ends(at, below);
            below = below.saturating_add(routing.gap(at));
        }
        let last = routing.gap(rows.rows.len().saturating_sub(1));
        let height = below.saturating_sub(y).saturating_sub(last);
        let content = Spot {
            x,
            y,
            width,
            height,
        };
        let (routes, taken) = routing.routes(&self.spots, content);
        self.routes.insert(within, routes);
        (taken.width, taken.height)
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
                let inner =
                    self.place_all(graph, Some(at), &parts.unwrap_or_default(), (left, top));
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

/// Letters of other scripts may be twice as wide.
pub(super) fn width_of(line: &str) -> u32 {
    let width = |c: char| if c < '\u{300}' { CHAR } else { 2 * CHAR };
    line.chars().map(width).fold(0, u32::saturating_add)
}
