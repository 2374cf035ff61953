//! What a build script, a procedural macro and a library in C give together.
include!(concat!(env!("OUT_DIR"), "/generated.rs"));
macros::answer!(forty);

extern "C" {
    fn two() -> i32;
}

/// The sum.
///
/// ```
/// assert_eq!(app::sum(), 42);
/// ```
pub fn sum() -> i32 {
    forty() + unsafe { two() }
}

#[cfg(test)]
mod tests {
    use std::{fs, net, process::Command, thread};

    #[test]
    fn threads() {
        let threads: Vec<_> = (0..8).map(|_| thread::spawn(super::sum)).collect();
        assert_eq!(threads.into_iter().map(|t| t.join().unwrap()).sum::<i32>(), 8 * 42);
    }

    #[test]
    fn children() {
        let out = Command::new("sh").args(["-c", "echo 42"]).output().unwrap();
        assert_eq!(out.stdout, b"42\n");
    }

    #[test]
    fn loopback_and_files() {
        let server = net::TcpListener::bind("127.0.0.1:0").unwrap();
        net::TcpStream::connect(server.local_addr().unwrap()).unwrap();
        let file = std::env::temp_dir().join("rust-test");
        fs::write(&file, "x").unwrap();
        fs::remove_file(file).unwrap();
    }
}
