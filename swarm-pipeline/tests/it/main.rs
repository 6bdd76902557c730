//! Pipelines through the public entry points.

#[cfg(test)]
mod compiled;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod mistakes;
#[cfg(test)]
mod patched;
#[cfg(test)]
mod support;
