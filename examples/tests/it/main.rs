//! Every example runs, every file loads, and the list of them is complete.

#[cfg(test)]
mod files;
#[cfg(test)]
mod programs;
