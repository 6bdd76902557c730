#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| swarm_core_fuzz::verdict(text));
