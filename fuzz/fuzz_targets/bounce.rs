#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| linewatch::fuzzing::bounce(bytes));
