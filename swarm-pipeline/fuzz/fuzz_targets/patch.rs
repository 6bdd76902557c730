#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| swarm_pipeline_fuzz::patch(text));
