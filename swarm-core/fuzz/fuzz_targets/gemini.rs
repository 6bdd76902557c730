#![no_main]

libfuzzer_sys::fuzz_target!(|printed: &[u8]| swarm_core_fuzz::transcript("gemini", printed));
