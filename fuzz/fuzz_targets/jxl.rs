//! Decodes JPEG XL.
#![no_main]

libfuzzer_sys::fuzz_target!(init: eidetic_fuzz::set_up(), |bytes: &[u8]| {
    eidetic_fuzz::check_image(bytes, "jxl");
});
