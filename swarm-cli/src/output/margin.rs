//! The terminal without its last columns.

use std::io;

use console::Term;
use indicatif::TermLike;

/// What a terminal may echo in the line: `^C` or `^\`, and once more.
const COLUMNS: u16 = 4;

/// A terminal that says it is a little narrower than it is.
///
/// A progress bar leaves the cursor behind its last column. In the last column of a terminal, the `^C` that it echoes
/// would begin another line; that line would be cleared then, and the bar stay.
#[derive(Debug)]
pub(super) struct Margin(pub(super) Term);

impl TermLike for Margin {
    fn width(&self) -> u16 {
        self.0.size().1.saturating_sub(COLUMNS).max(1)
    }

    fn height(&self) -> u16 {
        self.0.size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_left(n)
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        self.0.write_line(s)
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        self.0.write_str(s)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.0.flush()
    }
}
