//! What is seen on a terminal while AWS is read.

use std::io::IsTerminal as _;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

use crate::output::Console;

/// A line that tells how far the reading is; nothing where there is no terminal.
pub(crate) struct Progress {
    bar: ProgressBar,
    began: Instant,
}

impl Progress {
    /// On stderr, if that is a terminal and the user wants to hear anything.
    pub(crate) fn on(console: &Console) -> Self {
        let visible = std::io::stderr().is_terminal() && !console.is_quiet();
        let bar = if visible { ProgressBar::new(0) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
            bar.set_style(style);
        }
        Self { bar, began: Instant::now() }
    }

    /// Shows how far it is.
    pub(crate) fn show(&self, now: &portcullis_cloud::collect::Progress) {
        let seconds = self.began.elapsed().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = if seconds > 0.0 { now.groups as f64 / seconds } else { 0.0 };
        let mut line = format!(
            "accounts {}/{} · Regions {}/{} · {} groups ({rate:.0}/s)",
            now.accounts_done, now.accounts, now.units_done, now.units, now.groups
        );
        if now.failures > 0 {
            line.push_str(&format!(" · {} not read", now.failures));
        }
        if now.retries > 0 {
            line.push_str(&format!(" · {} calls repeated", now.retries));
        }
        self.bar.set_message(line);
        self.bar.tick();
    }

    /// Does something that may print, without the line in its way.
    pub(crate) fn suspended(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }

    /// Takes the line away.
    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
