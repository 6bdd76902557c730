//! Everything that can happen, breadth first, so that what is found wrong is found by a shortest way.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    rc::Rc,
};

use swarm_peers::MessageId;

use super::{
    action::Action,
    bounds::{Bounds, WHO, Who},
    census::Census,
    daemons::Daemons,
    ledger::Receipt,
    world::{Checked, World},
};

/// What is wrong, and how it comes about.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) why: String,
    actions: Vec<Action>,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.why)?;
        self.actions
            .iter()
            .try_for_each(|action| writeln!(f, "  {action:?}"))
    }
}

type Receipts = BTreeMap<(MessageId, Who), Receipt>;

struct Node {
    world: Rc<World>,
    receipts: Receipts,
    /// The node and the action that led here first.
    from: Option<(usize, Action)>,
    /// Where it goes if everybody does what it should.
    fair: Option<usize>,
}

struct Search<'a> {
    bounds: &'a Bounds,
    daemons: Daemons,
    nodes: Vec<Node>,
    by_world: HashMap<Rc<World>, usize>,
    census: Census,
}

/// Goes everywhere that can be reached within `bounds`.
///
/// # Errors
///
/// The first that is wrong.
pub(super) fn explore(bounds: &Bounds) -> Result<Census, Wrong> {
    let mut daemons = Daemons::new(bounds.settings.clone());
    let first = World::new(bounds, &mut daemons);
    let mut search = Search {
        bounds,
        daemons,
        nodes: Vec::new(),
        by_world: HashMap::new(),
        census: Census::default(),
    };
    let first = first.and_then(|first| search.reach(first, None));
    first.map_err(|why| search.wrong(why, None, None))?;
    let mut next = 0;
    while next < search.nodes.len() {
        search.expand(next)?;
        next += 1;
    }
    search.deliver_everything()?;
    search.census.states = search.nodes.len();
    Ok(search.census)
}

impl Search<'_> {
    fn expand(&mut self, node: usize) -> Result<(), Wrong> {
        let world = Rc::clone(&self.nodes[node].world);
        let fair = world.fair();
        for action in world.actions(self.bounds) {
            let after = world.after(action, self.bounds, &mut self.daemons, &mut self.census);
            let reached = after.and_then(|after| self.reach(after, Some((node, action))));
            let reached = reached.map_err(|why| self.wrong(why, Some(node), Some(action)))?;
            self.census.steps += 1;
            if fair == Some(action) {
                self.nodes[node].fair = Some(reached);
            }
        }
        if fair.is_some() != self.nodes[node].fair.is_some() {
            return Err(self.wrong(format!("{fair:?} cannot happen"), Some(node), None));
        }
        Ok(())
    }

    fn reach(&mut self, world: World, from: Option<(usize, Action)>) -> Checked<usize> {
        let known = self.by_world.get(&world).copied();
        let before = from.map(|(from, _)| &self.nodes[from].receipts);
        if let Some(known) = known {
            forward(before, &self.nodes[known].receipts)?;
            return Ok(known);
        }
        let receipts = world.receipts()?;
        forward(before, &receipts)?;
        let state = &world.daemon.state;
        self.census.with_dead_letters += usize::from(state.dead_letters().next().is_some());
        self.census.with_forgotten += usize::from(state.peers().count() <= WHO.len());
        let world = Rc::new(world);
        self.by_world.insert(Rc::clone(&world), self.nodes.len());
        self.nodes.push(Node {
            world,
            receipts,
            from,
            fair: None,
        });
        Ok(self.nodes.len() - 1)
    }

    /// From everywhere, doing what one should leads to where everything is delivered.
    fn deliver_everything(&mut self) -> Result<(), Wrong> {
        let mut ways: Vec<Option<usize>> = vec![None; self.nodes.len()];
        for start in 0..self.nodes.len() {
            let (mut way, mut at) = (vec![start], start);
            while ways[at].is_none() {
                match self.nodes[at].fair {
                    Some(next) if way.len() <= self.nodes.len() => {
                        way.push(next);
                        at = next;
                    }
                    Some(_) => return Err(self.wrong("it goes round for ever", Some(start), None)),
                    None if self.nodes[at].world.is_delivered() => ways[at] = Some(0),
                    None => {
                        let why = "nothing is left to do, and something waits";
                        return Err(self.wrong(why, Some(at), None));
                    }
                }
            }
            let end = ways[at].unwrap_or_default();
            for (steps, node) in way.iter().rev().enumerate() {
                ways[*node] = Some(end + steps);
            }
        }
        self.census.longest_way = ways.into_iter().flatten().max().unwrap_or_default();
        Ok(())
    }

    fn wrong(&self, why: impl Into<String>, at: Option<usize>, last: Option<Action>) -> Wrong {
        let mut actions: Vec<Action> = last.into_iter().collect();
        let mut at = at;
        while let Some((from, action)) = at.and_then(|at| self.nodes[at].from) {
            actions.push(action);
            at = Some(from);
        }
        actions.reverse();
        let why = why.into();
        Wrong { why, actions }
    }
}

/// No receipt goes back, and what somebody has seen is not given up.
fn forward(before: Option<&Receipts>, after: &Receipts) -> Checked<()> {
    for ((message, who), before) in before.into_iter().flatten() {
        let after = after.get(&(*message, *who));
        let is_seen = matches!(before, Receipt::Seen | Receipt::Acted);
        let goes_on =
            after.is_some_and(|after| after >= before && !(is_seen && *after == Receipt::GivenUp));
        if !goes_on {
            return Err(format!(
                "message {message} for {} was {before:?} and is {after:?}",
                WHO[*who]
            ));
        }
    }
    Ok(())
}
