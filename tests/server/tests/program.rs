//! The program as tests in other languages use it.

mod common;

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Instant;

use common::{PATIENCE, embed};

struct Program(Child);

impl Program {
    fn start(flags: &[&str]) -> (Program, SocketAddr) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_oai-test-server"))
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("its stdout");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("a first line");
        let address = line.trim_end().strip_prefix("http://").expect("a base URL");
        (Program(child), address.parse().expect("an address"))
    }

    fn ended(&mut self) -> ExitStatus {
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            if let Some(status) = self.0.try_wait().expect("its state") {
                return status;
            }
            std::thread::yield_now();
        }
        panic!("the program goes on");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Either it has ended, or the test has failed and must leave no orphan.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(flags: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_oai-test-server"))
        .args(flags)
        .output()
        .expect("the program runs")
}

#[test]
fn it_tells_its_url_serves_and_ends_with_its_stdin() {
    let (mut program, address) = Program::start(&["--port", "0", "--exit-on-stdin-close"]);
    assert!(address.ip().is_loopback());
    assert_eq!(embed(address, "a").expect("an answer").status, 200);
    drop(program.0.stdin.take());
    assert!(program.ended().success());
}

#[test]
fn it_ends_in_order_on_a_signal() {
    for signal in ["-TERM", "-INT"] {
        let (mut program, _) = Program::start(&[]);
        // Without the flag, stdin does not matter.
        drop(program.0.stdin.take());
        let sent = Command::new("kill")
            .args([signal, &program.0.id().to_string()])
            .status();
        assert!(sent.expect("kill runs").success());
        assert!(program.ended().success());
        let mut rest = String::new();
        program
            .0
            .stdout
            .take()
            .expect("its stdout")
            .read_to_string(&mut rest)
            .expect("text");
        assert_eq!(rest, "");
    }
}

#[test]
fn flags_reach_the_server() {
    let (_program, address) = Program::start(&[
        "--requests-per-minute=1",
        "--window-ms=86400000",
        "--threads=2",
    ]);
    assert_eq!(embed(address, "a").expect("an answer").status, 200);
    assert_eq!(embed(address, "a").expect("an answer").status, 429);
}

#[test]
fn mistakes_are_told_on_stderr() {
    for (flags, word) in [
        (&["--host", "0.0.0.0"][..], "loopback"),
        (&["--prot", "1"], "--prot"),
    ] {
        let output = run(flags);
        assert!(!output.status.success() && output.stdout.is_empty());
        assert!(String::from_utf8_lossy(&output.stderr).contains(word));
    }
}

#[test]
fn help_goes_to_stdout() {
    let output = run(&["--help"]);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("--exit-on-stdin-close"));
}
