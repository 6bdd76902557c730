//! Which way arrows go, and where their labels are: not over each other, not over what they pass, and not cut off.
//!
//! An arrow to the next row is a straight line, and its label has a line of its own in the gap between the rows. Every other arrow leaves
//! on the right, goes up or down in a lane of its own, and comes in from the right; its label is behind all lanes.

use std::collections::HashMap;

use super::{
    layout::{GAP, LINE, Spot, width_of},
    model::{Graph, Part},
};

/// How far lanes are from each other and from what is left of them.
const LANE: u32 = 14;
/// How far a label is from its line.
const BESIDE: u32 = 6;

/// What is in a box, in rows.
pub(super) struct Rows {
    pub(super) rows: Vec<Vec<Part>>,
    of: HashMap<Part, usize>,
}

/// The line of an arrow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    /// Which arrow of the graph it is.
    pub(super) arrow: usize,
    /// As SVG has paths.
    pub(super) path: String,
    /// Where its label begins: on the left of its base line.
    pub(super) label: (u32, u32),
    /// From the line to the label, if that is not beside it.
    pub(super) leader: Option<String>,
}

/// The arrows between the parts of one box.
pub(super) struct Routing<'g> {
    graph: &'g Graph,
    /// To the next row, by the row that they come from.
    straight: Vec<Vec<usize>>,
    around: Vec<usize>,
    /// Where each row ends.
    bottoms: Vec<u32>,
}

impl Rows {
    /// In the first row is what nothing leads to; each other part is below all that leads to it from further up.
    pub(super) fn of(graph: &Graph, parts: &[Part]) -> Self {
        let order: HashMap<Part, usize> = parts
            .iter()
            .enumerate()
            .map(|(i, part)| (*part, i))
            .collect();
        let mut row = vec![0_usize; parts.len()];
        let mut forward: Vec<(usize, usize)> = Vec::new();
        for arrow in &graph.arrows {
            if let (Some(from), Some(to)) = (order.get(&arrow.from), order.get(&arrow.to))
                && from < to
            {
                forward.push((*from, *to));
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
        let mut of = HashMap::with_capacity(parts.len());
        for (part, at) in parts.iter().zip(row) {
            if let Some(row) = rows.get_mut(at) {
                row.push(*part);
                of.insert(*part, at);
            }
        }
        Self { rows, of }
    }
}

impl<'g> Routing<'g> {
    pub(super) fn new(graph: &'g Graph, rows: &Rows) -> Self {
        let mut routing = Self {
            graph,
            straight: vec![Vec::new(); rows.rows.len()],
            around: Vec::new(),
            bottoms: vec![0; rows.rows.len()],
        };
        for (i, arrow) in graph.arrows.iter().enumerate() {
            let (Some(from), Some(to)) = (rows.of.get(&arrow.from), rows.of.get(&arrow.to)) else {
                continue;
            };
            match routing.straight.get_mut(*from) {
                Some(straight) if *to == from + 1 => straight.push(i),
                _ => routing.around.push(i),
            }
        }
        routing
    }

    fn label(&self, arrow: usize) -> &str {
        let arrow = self.graph.arrows.get(arrow);
        arrow.map_or("", |arrow| arrow.label.as_str())
    }

    /// Takes note of where a row ends.
    pub(super) fn ends(&mut self, row: usize, bottom: u32) {
        if let Some(known) = self.bottoms.get_mut(row) {
            *known = bottom;
        }
    }

    /// How much room there is below a row: a line for each label.
    pub(super) fn gap(&self, row: usize) -> u32 {
        let arrows = self.straight.get(row).into_iter().flatten();
        let labels = arrows.filter(|arrow| !self.label(**arrow).is_empty());
        let labels = u32::try_from(labels.count()).unwrap_or(u32::MAX);
        GAP.saturating_add(LINE.saturating_mul(labels))
    }

    /// All lines, and what they take together with the parts, which are in `content`.
    pub(super) fn routes(&self, spots: &HashMap<Part, Spot>, content: Spot) -> (Vec<Route>, Spot) {
        let ports = Ports::of(self, spots);
        let mut taken = content;
        let mut routes = Vec::new();
        for (arrows, bottom) in self.straight.iter().zip(&self.bottoms) {
            let mut base = bottom.saturating_add(GAP / 2 + 8);
            let mut arrows: Vec<_> = arrows
                .iter()
                .filter_map(|arrow| ports.ends(*arrow))
                .collect();
            arrows.sort_unstable_by_key(|(_, (x, _), _)| *x);
            for (arrow, (x, y), (to_x, to_y)) in arrows {
                let label = (
                    along((x, y), (to_x, to_y), base).saturating_add(BESIDE),
                    base,
                );
                let text = self.label(arrow);
                if !text.is_empty() {
                    base = base.saturating_add(LINE);
                    let right = label.0.saturating_add(width_of(text));
                    taken.width = taken.width.max(right.saturating_sub(content.x));
                }
                routes.push(Route {
                    arrow,
                    path: format!("M{x} {y}L{to_x} {to_y}"),
                    label,
                    leader: None,
                });
            }
        }
        self.arounds(&ports, content, &mut routes, &mut taken);
        (routes, taken)
    }

    fn arounds(&self, ports: &Ports, content: Spot, routes: &mut Vec<Route>, taken: &mut Spot) {
        let around = self.around.iter();
        let mut around: Vec<_> = around.filter_map(|arrow| ports.ends(*arrow)).collect();
        if around.is_empty() {
            return;
        }
        // Short ways are within long ones, so that they do not cross.
        around.sort_unstable_by_key(|(arrow, (_, y), (_, to_y))| (y.abs_diff(*to_y), *arrow));
        let lanes = u32::try_from(around.len()).unwrap_or(u32::MAX);
        let behind = content
            .right()
            .saturating_add(LANE.saturating_mul(lanes.saturating_add(1)));
        taken.width = taken.width.max(behind.saturating_sub(content.x));
        let mut labelled = Vec::new();
        for (lane, (arrow, (x, y), (to_x, to_y))) in (1_u32..).zip(around) {
            let lane = content.right().saturating_add(LANE.saturating_mul(lane));
            if !self.label(arrow).is_empty() {
                labelled.push((y, routes.len(), lane));
            }
            routes.push(Route {
                arrow,
                path: format!("M{x} {y}H{lane}V{to_y}H{to_x}"),
                label: (behind, y),
                leader: None,
            });
        }
        labelled.sort_unstable();
        let mut free = content.y.saturating_add(LINE);
        for (y, route, lane) in labelled {
            let Some(route) = routes.get_mut(route) else {
                continue;
            };
            let base = y.saturating_add(4).max(free);
            free = base.saturating_add(LINE);
            route.label = (behind.saturating_add(BESIDE), base);
            let middle = base.saturating_sub(4);
            route.leader = Some(format!("M{lane} {y}L{} {middle}", behind.saturating_add(2)));
            let right = route
                .label
                .0
                .saturating_add(width_of(self.label(route.arrow)));
            taken.width = taken.width.max(right.saturating_sub(content.x));
            let below = base.saturating_add(LINE / 2);
            taken.height = taken.height.max(below.saturating_sub(content.y));
        }
    }
}

/// How far to the right a straight line is at the height `y`.
fn along((x, y): (u32, u32), (to_x, to_y): (u32, u32), at: u32) -> u32 {
    let height = u64::from(to_y.saturating_sub(y)).max(1);
    let down = u64::from(at.saturating_sub(4).saturating_sub(y)).min(height);
    let aside = u64::from(x.abs_diff(to_x)) * down / height;
    let aside = u32::try_from(aside).unwrap_or(0);
    if to_x >= x {
        x.saturating_add(aside)
    } else {
        x.saturating_sub(aside)
    }
}

type Point = (u32, u32);

/// Where arrows leave and come in: each at a place of its own.
struct Ports {
    ends: HashMap<usize, (Point, Point)>,
}

/// Where the other end is, which arrow it is, and whether it begins here.
type End = (u32, usize, bool);

/// A side of a part.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Side {
    Top,
    Bottom,
    Right,
}

impl Ports {
    fn of(routing: &Routing<'_>, spots: &HashMap<Part, Spot>) -> Self {
        let mut sides: HashMap<(Part, Side), Vec<End>> = HashMap::new();
        let straight = routing.straight.iter().flatten();
        let straight = straight.map(|arrow| (*arrow, Side::Bottom, Side::Top));
        let around = routing.around.iter();
        let around = around.map(|arrow| (*arrow, Side::Right, Side::Right));
        for (i, leaves, comes) in straight.chain(around) {
            let Some(arrow) = routing.graph.arrows.get(i) else {
                continue;
            };
            let (Some(from), Some(to)) = (spots.get(&arrow.from), spots.get(&arrow.to)) else {
                continue;
            };
            let of = |spot: &Spot| match leaves {
                Side::Right => spot.y.saturating_add(spot.height / 2),
                _ => spot.x.saturating_add(spot.width / 2),
            };
            let leaving = sides.entry((arrow.from, leaves)).or_default();
            leaving.push((of(to), i, true));
            let coming = sides.entry((arrow.to, comes)).or_default();
            coming.push((of(from), i, false));
        }
        let mut ends: HashMap<usize, (Point, Point)> = HashMap::new();
        for ((part, side), mut arrows) in sides {
            let Some(spot) = spots.get(&part) else {
                continue;
            };
            let middle = spot.y.saturating_add(spot.height / 2);
            arrows.sort_unstable_by_key(|&(other, arrow, begins)| match side {
                // Short ways are within long ones here, too: the nearest above is the first, and the nearest below the last.
                Side::Right => (other > middle, u32::MAX - other, arrow, begins),
                Side::Top | Side::Bottom => (false, other, arrow, begins),
            });
            let count = u32::try_from(arrows.len()).unwrap_or(u32::MAX);
            for (at, (_, arrow, begins)) in (1_u32..).zip(arrows) {
                let share = |length: u32| {
                    let share = u64::from(length) * u64::from(at) / (u64::from(count) + 1);
                    u32::try_from(share).unwrap_or(0)
                };
                let point = match side {
                    Side::Top => (spot.x.saturating_add(share(spot.width)), spot.y),
                    Side::Bottom => (spot.x.saturating_add(share(spot.width)), spot.bottom()),
                    Side::Right => (spot.right(), spot.y.saturating_add(share(spot.height))),
                };
                let ends = ends.entry(arrow).or_default();
                if begins {
                    ends.0 = point;
                } else {
                    ends.1 = point;
                }
            }
        }
        Self { ends }
    }

    fn ends(&self, arrow: usize) -> Option<(usize, Point, Point)> {
        let (from, to) = self.ends.get(&arrow)?;
        Some((arrow, *from, *to))
    }
}
