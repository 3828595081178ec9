//! Reads what files of any format say about their pictures.
#![no_main]

libfuzzer_sys::fuzz_target!(init: eidetic_fuzz::set_up(), |bytes: &[u8]| {
    eidetic_fuzz::check_details(bytes);
});
