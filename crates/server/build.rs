//! The page is embedded in the library: a file added to `web/` must build it anew.

fn main() {
    println!("cargo:rerun-if-changed=../../web");
}
