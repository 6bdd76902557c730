//! Pipelines through the public entry points.

#[cfg(test)]
mod compiled;
#[cfg(test)]
mod support;
