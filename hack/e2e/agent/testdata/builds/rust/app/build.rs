//! Writes a source file, and has a library in C made for this crate.
use std::{env, fs, path::PathBuf, process::Command};

fn run(program: &str, args: &[&str], dir: &PathBuf) {
    let status = Command::new(program).args(args).current_dir(dir).status().expect(program);
    assert!(status.success(), "{program}: {status}");
}

fn main() {
    let out = PathBuf::from(env::var("OUT_DIR").unwrap());
    fs::write(out.join("generated.rs"), "pub const GENERATED: &str = \"built by build.rs\";").unwrap();
    fs::write(out.join("two.c"), "int two(void) { return 2; }").unwrap();
    run("cc", &["-c", "-fPIC", "-o", "two.o", "two.c"], &out);
    run("ar", &["rcs", "libtwo.a", "two.o"], &out);
    println!("cargo:rustc-link-search=native={}", out.display());
    println!("cargo:rustc-link-lib=static=two");
    println!("cargo:rerun-if-changed=build.rs");
}
