//! Pipelines through the public entry points.

#[cfg(test)]
mod compiled;
#[cfg(test)]
mod definitions;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod graph;
#[cfg(test)]
mod interpreters;
#[cfg(test)]
mod mistakes;
#[cfg(test)]
mod patched;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod support;
