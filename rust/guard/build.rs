//! Says with which compiler this is built: counts are its work too.
#![allow(clippy::print_stdout, reason = "that is where cargo listens")]

use std::env;
use std::process::Command;

fn main() {
    let compiler = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let said = Command::new(&compiler).arg("--version").output();
    let version = said.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    let version = version.unwrap_or_else(|| panic!("{compiler} --version says nothing"));
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=GUARD_COMPILER={}", version.trim());
}
