//! Pipelines through the public entry points.

#[cfg(test)]
mod compiled;
#[cfg(test)]
mod graph;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod support;
