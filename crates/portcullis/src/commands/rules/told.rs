//! What is told beside results.

use portcullis_formats::diagnostics::Diagnostics;

use crate::output::Console;

/// What deserves a look in rules files.
pub(crate) fn warnings(warnings: &Diagnostics, console: &Console) {
    if !warnings.is_empty() {
        console.remark(&console.excerpts(warnings));
    }
}
