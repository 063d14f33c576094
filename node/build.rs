//! Sees to it that a release build carries the page as it is now.

use std::path::Path;

fn main() {
    let page = Path::new("../web/build");
    // Without the folder cargo would run this again and again; without a page the program says how to build it.
    if !page.exists() {
        std::fs::create_dir_all(page).expect("the project's folder is writable");
    }
    println!("cargo:rerun-if-changed=build.rs");
    // A debug build reads the page at run time.
    if std::env::var_os("PROFILE").is_some_and(|profile| profile == "release") {
        println!("cargo:rerun-if-changed=../web/build");
    }
}
