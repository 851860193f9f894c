//! The terminal that is drawn on, for as long as it is there.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use console::{Term, is_dumb};
use indicatif::{ProgressDrawTarget, TermLike};

/// How often it is drawn over in a second, at most.
const PER_SECOND: u8 = 20;

/// Draws on standard error, unless that is no terminal or cannot be drawn over.
pub fn screen() -> ProgressDrawTarget {
    let term = Term::buffered_stderr();
    if !term.is_term() || is_dumb() {
        return ProgressDrawTarget::hidden();
    }
    ProgressDrawTarget::term_like_with_hz(Box::new(Screen::new(term)), PER_SECOND)
}

/// A terminal that may go away: whoever draws on it never hears of that, and would panic.
#[derive(Debug)]
struct Screen {
    term: Term,
    gone: AtomicBool,
}

impl Screen {
    fn new(term: Term) -> Self {
        Self { term, gone: AtomicBool::new(false) }
    }

    /// Draws, unless nothing could be drawn before.
    fn draw(&self, draw: impl FnOnce(&Term) -> io::Result<()>) -> io::Result<()> {
        if !self.gone.load(Ordering::Relaxed) && draw(&self.term).is_err() {
            self.gone.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        TermLike::width(&self.term)
    }

    fn height(&self) -> u16 {
        TermLike::height(&self.term)
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.draw(|term| term.move_cursor_up(n))
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.draw(|term| term.move_cursor_down(n))
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.draw(|term| term.move_cursor_right(n))
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.draw(|term| term.move_cursor_left(n))
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.draw(|term| term.write_line(text))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.draw(|term| term.write_str(text))
    }

    fn clear_line(&self) -> io::Result<()> {
        self.draw(Term::clear_line)
    }

    fn flush(&self) -> io::Result<()> {
        self.draw(Term::flush)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs::File;

    use indicatif::{MultiProgress, ProgressBar};

    use super::*;

    #[test]
    fn what_is_printed_above_a_terminal_that_is_gone_is_printed() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let gone = Term::read_write_pair(File::open("/dev/null").unwrap(), full);
        let target = ProgressDrawTarget::term_like(Box::new(Screen::new(gone)));
        let bars = MultiProgress::with_draw_target(target);
        let bar = bars.add(ProgressBar::new_spinner());
        bar.tick();
        assert_eq!(bars.suspend(|| 5), 5);
        bar.finish_and_clear();
    }
}
