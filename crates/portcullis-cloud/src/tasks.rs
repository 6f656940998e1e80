//! Tasks that run beside others.

use std::future::pending;
use std::panic::resume_unwind;

use tokio::task::JoinError;

/// What a task gave. One that panicked is a defect and no answer of AWS: the panic goes on here. One is cancelled only where its
/// runtime ends, and then nobody waits for this either.
pub async fn outcome<T>(ended: Result<T, JoinError>) -> T {
    match ended {
        Ok(outcome) => outcome,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(_) => pending().await,
        },
    }
}
