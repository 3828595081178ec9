//! Reads the pictures in ZIP archives.
#![no_main]

use eidetic_domain::ContainerKind;

libfuzzer_sys::fuzz_target!(init: eidetic_fuzz::set_up(), |bytes: &[u8]| {
    eidetic_fuzz::check_container(bytes, "zip", ContainerKind::Archive);
});
