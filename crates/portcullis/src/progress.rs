//! What is seen on a terminal while AWS or flow logs are read.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

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

/// A line that tells how far the reading of flow logs is, with its rate and the time left; nothing where there is no
/// terminal.
pub(crate) struct FlowProgress(Option<(Arc<AtomicBool>, JoinHandle<()>)>);

impl FlowProgress {
    /// Begins to show it, on stderr. `size` is how many bytes there are in all, where that is known.
    pub(crate) fn begin(progress: Arc<portcullis_flows::Progress>, size: Option<u64>, console: &Console) -> Self {
        const EVERY: Duration = Duration::from_millis(200);
        if !std::io::stderr().is_terminal() || console.is_quiet() {
            return Self(None);
        }
        let done = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&done);
        let shown = thread::spawn(move || {
            let bar = size.map_or_else(ProgressBar::no_length, ProgressBar::new);
            let template = match size {
                Some(_) => "{spinner} {bytes}/{total_bytes} ({bytes_per_sec}) · {msg} · {eta} left",
                None => "{spinner} {bytes} ({bytes_per_sec}) · {msg}",
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            while !told.load(Ordering::Relaxed) {
                thread::park_timeout(EVERY);
                bar.set_position(progress.bytes());
                bar.set_message(format!("{} records", progress.records()));
            }
            bar.finish_and_clear();
        });
        Self(Some((done, shown)))
    }

    /// Takes the line away.
    pub(crate) fn end(self) {
        let Some((done, shown)) = self.0 else { return };
        done.store(true, Ordering::Relaxed);
        shown.thread().unpark();
        // A line that could not be shown is no reason to fail.
        let _ = shown.join();
    }
}
