//! Progress on a terminal; nothing where standard error is none.

mod screen;

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use lab::Progress;

pub use screen::screen;

/// The part of the terminal that is drawn over.
pub struct Display {
    bars: MultiProgress,
}

/// The line of one run under way.
pub struct Row {
    bar: ProgressBar,
    title: String,
}

impl Display {
    /// Draws on standard error, unless that is no terminal or `quiet`.
    pub fn new(quiet: bool) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { screen() };
        Self { bars: MultiProgress::with_draw_target(target) }
    }

    /// Begins a row.
    pub fn row(&self, title: &str) -> Row {
        let bar = self.bars.add(ProgressBar::new_spinner());
        let style = ProgressStyle::with_template("{spinner} {wide_msg}");
        bar.set_style(style.expect("the template is constant"));
        bar.enable_steady_tick(Duration::from_millis(120));
        Row { bar, title: title.to_owned() }
    }

    /// Prints a line above all rows.
    pub fn print(&self, text: &str) {
        self.bars.suspend(|| crate::say(text));
    }
}

impl Row {
    /// Says where the run stands.
    pub fn show(&self, progress: &Progress<'_>) {
        if self.bar.is_hidden() {
            return;
        }
        let work = match progress.work {
            Some((done, total, unit)) => format!(" {done} of {total} {unit}"),
            None => String::new(),
        };
        let Progress { now, step, steps, name, .. } = progress;
        let at = now.as_secs_f64();
        let title = &self.title;
        self.bar.set_message(format!("{title}: step {step} of {steps}, {name}{work}, +{at:.0} s"));
    }
}

impl Drop for Row {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
