//! In containers.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod artifacts;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod repository;
#[cfg(test)]
mod resume;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod stops;
#[cfg(test)]
mod supplies;
#[cfg(test)]
mod tools;
