//! What the user sees: answers on stdout, talk on stderr.

mod judged;
mod margin;
mod neutral;
pub(crate) mod progress;
pub(crate) mod report;
pub(crate) mod table;
mod text;

use std::io::{self, IsTerminal as _, Write as _};

use neutral::Neutral;
use owo_colors::OwoColorize as _;
use serde::Serialize;
use swarm_core::ids::RunId;
pub(crate) use text::{first_line, printable};

use crate::{args::Global, error::CliError};

/// How to talk to the user.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    /// Not even answers.
    silent: bool,
}

impl Output {
    pub(crate) fn new(global: &Global) -> Self {
        Self {
            json: global.json,
            quiet: global.quiet,
            silent: false,
        }
    }

    /// The same, but answers are kept back: for work on the way to another answer.
    pub(crate) fn silent(self) -> Self {
        Self {
            quiet: true,
            silent: true,
            ..self
        }
    }

    /// Whether answers are for a machine.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Whether somebody watches stderr and wants to.
    pub(crate) fn is_watched(self) -> bool {
        !self.quiet && !self.json && io::stderr().is_terminal()
    }

    /// One object for a machine, or `human` for a person.
    pub(crate) fn answer(
        self,
        value: &impl Serialize,
        human: impl FnOnce() -> String,
    ) -> Result<(), CliError> {
        if self.silent {
            Ok(())
        } else if self.json {
            line(&json(value))
        } else {
            line(&for_people(human().trim_end()))
        }
    }

    /// One object per line for a machine, or `human` for a person.
    pub(crate) fn list<T: Serialize>(
        self,
        values: &[T],
        human: impl FnOnce() -> String,
    ) -> Result<(), CliError> {
        if self.json {
            values.iter().try_for_each(|value| line(&json(value)))
        } else {
            line(&for_people(human().trim_end()))
        }
    }

    /// Something that a person may want to know.
    pub(crate) fn notice(self, message: &str) {
        if !self.quiet {
            let mut stderr = anstream::stderr().lock();
            // Who closed stderr does not want to know.
            let message = printable(message);
            drop(writeln!(stderr, "{} {message}", "note:".cyan().bold()));
        }
    }

    /// A line of something that takes a while.
    pub(crate) fn working(self, line: &str) {
        if !self.quiet {
            let mut stderr = anstream::stderr().lock();
            drop(writeln!(stderr, "{}", printable(line).dimmed()));
        }
    }

    /// Something that a person should know.
    pub(crate) fn warn(self, message: &str) {
        if self.silent {
            return;
        }
        let mut stderr = anstream::stderr().lock();
        drop(writeln!(
            stderr,
            "{} {}",
            "warning:".yellow().bold(),
            printable(message)
        ));
    }

    /// Why it did not work.
    pub(crate) fn error(self, error: &CliError) {
        if self.json {
            json_error(error);
        }
        let mut stderr = anstream::stderr().lock();
        let message = printable(error.message());
        drop(writeln!(
            stderr,
            "{} {message} [{}]",
            "error:".red().bold(),
            error.code()
        ));
    }

    /// Which run this is, before there is anything else to say about it.
    pub(crate) fn run_begins(self, run: &RunId, agents: usize, runtime: &str) {
        if !self.quiet && !self.json {
            let plural = if agents == 1 { "agent" } else { "agents" };
            let mut stderr = anstream::stderr().lock();
            drop(writeln!(
                stderr,
                "{} {} ({agents} {plural}, {runtime})",
                "run".dimmed(),
                run.bold()
            ));
        }
    }
}

/// Why it did not work, for a machine.
pub(crate) fn json_error(error: &CliError) {
    drop(line(&json(&error.report())));
}

/// A value as one line of JSON.
pub(crate) fn json(value: &impl Serialize) -> String {
    let json = serde_json::to_string(value).unwrap_or_else(|error| {
        format!(
            "{{\"error\":\"internal\",\"message\":{:?}}}",
            error.to_string()
        )
    });
    text::escaped(json)
}

/// What a person reads may have names of others in it.
fn for_people(text: &str) -> String {
    if io::stdout().is_terminal() {
        printable(text)
    } else {
        text.to_owned()
    }
}

fn line(text: &str) -> Result<(), CliError> {
    if text.is_empty() {
        return Ok(());
    }
    let mut stdout = anstream::stdout().lock();
    written(writeln!(stdout, "{text}").and_then(|()| stdout.flush()))
}

/// Where the text of an agent goes: stdout, byte by byte, unless a terminal would obey it.
pub(crate) fn text_out() -> Box<dyn io::Write> {
    let stdout = io::stdout().lock();
    if stdout.is_terminal() {
        Box::new(Neutral::new(stdout))
    } else {
        Box::new(stdout)
    }
}

/// Several texts, each beginning on a line of its own.
pub(crate) fn texts(contents: &[swarm_core::content::Content]) -> Result<(), CliError> {
    let mut stdout = text_out();
    let mut print = || {
        for (i, content) in contents.iter().enumerate() {
            let mut to = LastByte {
                to: &mut stdout,
                last: b'\n',
            };
            io::copy(&mut content.open()?, &mut to)?;
            if to.last != b'\n' && i + 1 < contents.len() {
                stdout.write_all(b"\n")?;
            }
        }
        stdout.flush()
    };
    written(print())
}

/// Remembers how a text ended.
struct LastByte<W> {
    to: W,
    last: u8,
}

impl<W: io::Write> io::Write for LastByte<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        if let Some(last) = bytes.get(..written).and_then(<[u8]>::last) {
            self.last = *last;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// A text and nothing else.
pub(crate) fn raw(content: &swarm_core::content::Content) -> Result<(), CliError> {
    let mut stdout = text_out();
    let copied = content
        .open()
        .and_then(|mut from| io::copy(&mut from, &mut stdout));
    written(copied.and_then(|_| stdout.flush()))
}

/// Who closed the pipe has seen enough, like `head`; that is no error.
fn written(result: io::Result<()>) -> Result<(), CliError> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CliError::file("write to", "stdout".as_ref(), &error))
        }
        _ => Ok(()),
    }
}
