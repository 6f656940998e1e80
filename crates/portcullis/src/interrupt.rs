//! Being told to stop.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// The code of a process that a second signal ends, as shells give it for an interrupt.
const INTERRUPTED: i32 = 130;

/// A flag that the first signal sets, so that what was begun can be finished; the second one ends the process at once.
pub(crate) fn flag_of_signals() -> io::Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal finds the flag unset and goes on to set it.
        flag::register_conditional_shutdown(signal, INTERRUPTED, Arc::clone(&interrupted))?;
        flag::register(signal, Arc::clone(&interrupted))?;
    }
    Ok(interrupted)
}
