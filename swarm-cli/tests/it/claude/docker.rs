//! In containers.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod repository;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod stops;
#[cfg(test)]
mod tools;
