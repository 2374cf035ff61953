use std::process::Command;

#[test]
fn says_it() {
    let out = Command::new(env!("CARGO_BIN_EXE_app")).output().unwrap();
    assert_eq!(out.stdout, b"rust: built by build.rs 42\n");
}
