//! Agents as plain child processes.
