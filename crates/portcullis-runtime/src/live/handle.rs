//! Where calls of AWS are waited for.

use std::io;
use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};

/// What turns the calls of AWS while somebody waits for them.
#[derive(Clone, Debug)]
pub enum Handle {
    /// A runtime of somebody else, with threads of its own.
    Lent(tokio::runtime::Handle),
    /// Threads of its own, for many calls side by side.
    Threads(Arc<Runtime>),
    /// Whoever waits turns it. Where one call follows another, as in answering events, each answer then costs no switch
    /// from a thread to another and back, of which there are otherwise a dozen a call.
    Turned(Arc<Runtime>),
}

impl Handle {
    /// One with threads of its own.
    ///
    /// # Errors
    /// Where the system gives none.
    pub fn threads() -> io::Result<Self> {
        Ok(Self::Threads(Arc::new(Builder::new_multi_thread().enable_all().build()?)))
    }

    /// One that whoever waits turns.
    ///
    /// # Errors
    /// Where the system gives no means of waiting.
    pub fn turned() -> io::Result<Self> {
        Ok(Self::Turned(Arc::new(Builder::new_current_thread().enable_all().build()?)))
    }

    /// One that whoever waits turns, and whose time goes by at once while everybody waits.
    #[cfg(test)]
    #[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
    pub(crate) fn paused() -> Self {
        let paused = Builder::new_current_thread().enable_time().start_paused(true).build();
        Self::Turned(Arc::new(paused.unwrap()))
    }

    /// The runtime itself, for who leaves it a task to go on with.
    pub fn runtime(&self) -> &tokio::runtime::Handle {
        match self {
            Self::Lent(handle) => handle,
            Self::Threads(runtime) | Self::Turned(runtime) => runtime.handle(),
        }
    }

    /// Waits for what a future gives.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        match self {
            Self::Lent(handle) => handle.block_on(future),
            Self::Threads(runtime) | Self::Turned(runtime) => runtime.block_on(future),
        }
    }
}

impl From<tokio::runtime::Handle> for Handle {
    fn from(handle: tokio::runtime::Handle) -> Self {
        Self::Lent(handle)
    }
}
