//! Governors and pipelines.
