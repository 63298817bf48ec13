//! A child process whose output is kept and which ends with the test.

use std::io::{BufRead as _, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use crate::{repository, wait};

/// A running program.
#[derive(Debug)]
pub struct Process {
    child: Child,
    output: Arc<Mutex<String>>,
}

impl Process {
    /// Starts `command` and keeps what it writes.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}; run `make tools`"));
        let output = Arc::new(Mutex::new(String::new()));
        keep(child.stdout.take().expect("piped"), output.clone());
        keep(child.stderr.take().expect("piped"), output.clone());
        Self { child, output }
    }

    /// Everything written so far.
    pub fn output(&self) -> String {
        self.output.lock().expect("no writer panics").clone()
    }

    /// Everything it has written, once it has ended and its pipes are read to their end.
    pub fn finished_output(&self) -> Option<String> {
        // Each reader holds on to the text until its pipe ends.
        (Arc::strong_count(&self.output) == 1).then(|| self.output())
    }

    /// Waits until a line contains `text`, and gives that line.
    pub async fn line_with(&mut self, text: &str) -> String {
        wait::until(&format!("a line with {text:?}"), || {
            let output = self.output();
            let line = output.lines().find(|line| line.contains(text)).map(str::to_owned);
            if let (None, Ok(Some(status))) = (&line, self.child.try_wait()) {
                panic!("ended with {status} before writing {text:?}:\n{output}");
            }
            async { line }
        })
        .await
    }

    /// The line with `text` of a process that has ended.
    pub async fn line_of_the_end(&mut self, text: &str) -> String {
        let output = wait::until("its output to end", || async { self.finished_output() }).await;
        let line = output.lines().find(|line| line.contains(text)).map(str::to_owned);
        line.unwrap_or_else(|| panic!("no line with {text:?} in:\n{output}"))
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name, `TERM` or `HUP`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status();
        assert!(status.expect("kill exists").success(), "cannot signal");
    }

    /// Kills it as a crash would: SIGKILL.
    pub fn kill(&mut self) {
        // It may be dead already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        wait::until("the process to end", || {
            let status = self.child.try_wait().expect("a child can be waited for");
            async move { status }
        })
        .await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn keep(stream: impl Read + Send + 'static, output: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut output = output.lock().expect("no writer panics");
            output.push_str(&line);
            output.push('\n');
        }
    });
}

/// A tool that `make tools` has installed.
pub fn tool(name: &str) -> PathBuf {
    repository().join(".tools/bin").join(name)
}
