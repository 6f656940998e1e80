//! What a run keeps on AWS and reads from it: backups, journal and lock on S3, policies on S3 and in the parameter store.

mod backups;
mod folder;
mod journal;
mod location;
mod lock;
mod policies;
#[cfg(test)]
mod tests;

pub use backups::Backups;
pub use folder::{Folder, StoreError};
pub use journal::Journal;
pub use location::{Location, LocationError, S3Location};
pub use lock::{Area, Holder, Lease, Lock, LockError};
pub use policies::{Policies, PolicyError};
