//! Reads side-car files of every kind.
#![no_main]

libfuzzer_sys::fuzz_target!(init: eidetic_fuzz::set_up(), |bytes: &[u8]| {
    eidetic_fuzz::check_side_cars(bytes);
});
