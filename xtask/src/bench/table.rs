//! Markdown tables and the figures in them.

use std::time::Duration;

/// A table as docs/performance.md shows it, its columns padded so that it reads well in a terminal too.
pub(super) fn table<const N: usize>(title: &str, head: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = head.map(|cell| cell.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: [&str; N]| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!(" {cell:width$} |"));
        format!("|{}\n", padded.collect::<String>())
    };
    let rule: String = widths.iter().map(|width| format!("{:-<1$}|", "", width + 2)).collect();
    let rows: String = rows.iter().map(|row| line(row.each_ref().map(String::as_str))).collect();
    format!("### {title}\n\n{}|{rule}\n{rows}", line(head))
}

pub(super) fn time(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        1.0.. => format!("{seconds:.2} s"),
        0.001.. => format!("{:.1} ms", seconds * 1e3),
        ..0.000_001 => format!("{:.0} ns", seconds * 1e9),
        _ => format!("{:.1} µs", seconds * 1e6),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure of three digits for people")]
pub(super) fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

#[expect(clippy::cast_precision_loss, reason = "a figure of three digits for people")]
pub(super) fn times(part: u64, whole: u64) -> String {
    format!("{:.2} ×", part as f64 / whole as f64)
}

#[expect(clippy::cast_precision_loss, reason = "a figure of three digits for people")]
pub(super) fn rate(amount: u64, time: Duration) -> f64 {
    amount as f64 / time.as_secs_f64()
}

/// One's share of the time that `amount` of them took.
#[expect(clippy::cast_precision_loss, reason = "a figure of three digits for people")]
pub(super) fn each(time: Duration, amount: u64) -> Duration {
    time.div_f64(amount as f64)
}
