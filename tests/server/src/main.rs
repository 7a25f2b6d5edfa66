//! `oai-test-server`: the test server as a program, for tests in C, Node, Python and for benchmarks.

mod cli;

use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;

use test_server::TestServer;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

fn main() -> ExitCode {
    match cli::parse(std::env::args().skip(1)) {
        Ok(cli::Command::Help) => {
            print!("{}", cli::HELP);
            ExitCode::SUCCESS
        }
        Ok(cli::Command::Serve {
            config,
            exit_on_stdin_close,
        }) => {
            let served = TestServer::try_start(*config)
                .and_then(|server| serve(&server, exit_on_stdin_close));
            match served {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => fail(&error.to_string()),
            }
        }
        Err(message) => fail(&message),
    }
}

fn fail(message: &str) -> ExitCode {
    eprintln!("oai-test-server: {message}");
    ExitCode::FAILURE
}

/// Tells the URL and stays until it is time to end.
fn serve(server: &TestServer, exit_on_stdin_close: bool) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        // Before the URL is told: whoever reads it may send a signal at once.
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (closed, stdin_closed) = oneshot::channel::<()>();
        let mut kept = Some(closed);
        if let Some(closed) = kept.take_if(|_| exit_on_stdin_close) {
            thread::spawn(move || {
                // Whatever comes is ignored; the end and an error are both a close.
                let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
                drop(closed);
            });
        }
        let mut out = io::stdout().lock();
        writeln!(out, "{}", server.origin())?;
        out.flush()?;
        drop(out);
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = stdin_closed => {}
        }
        Ok(())
    })
}
