//! The lock on S3.

use portcullis_cloud::stores;

use super::{Handle, told};
use crate::ports::{Clock, Holder, Lease, Lock, LockError, Place, PortError};

/// A lock below a prefix of a bucket. It runs out by itself where its holder is killed.
pub struct LiveLock<'a> {
    lock: stores::Lock,
    handle: Handle,
    clock: &'a dyn Clock,
}

impl std::fmt::Debug for LiveLock<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveLock").field("lock", &self.lock).finish_non_exhaustive()
    }
}

impl<'a> LiveLock<'a> {
    /// There, by this clock.
    pub fn new(lock: stores::Lock, handle: Handle, clock: &'a dyn Clock) -> Self {
        Self { lock, handle, clock }
    }
}

impl Lock for LiveLock<'_> {
    fn take(&self, holder: &Holder, place: Option<&Place>) -> Result<Box<dyn Lease + '_>, LockError> {
        let wanted =
            stores::Holder { holder: holder.who.clone(), run_id: holder.run_id.clone(), ..stores::Holder::default() };
        let area = place.map_or(stores::Area::All, |place| stores::Area::place(&place.account_id, &place.region));
        match self.handle.block_on(self.lock.take(wanted, &area, self.clock.now())) {
            Ok(lease) => Ok(Box::new(LiveLease { lease: Some(lease), lock: self })),
            Err(stores::LockError::Held { place, holder: Some(holder) }) => Err(LockError::Held {
                what: format!("`{place}`"),
                holder: Some(Holder {
                    who: holder.holder,
                    run_id: holder.run_id,
                    since: holder.since,
                    until: Some(holder.expires),
                }),
            }),
            Err(error) => Err(told(error).into()),
        }
    }
}

/// A lock that was taken.
#[derive(Debug)]
struct LiveLease<'a> {
    /// `None` only once it is given back.
    lease: Option<stores::Lease>,
    lock: &'a LiveLock<'a>,
}

impl Lease for LiveLease<'_> {
    fn renew(&self) -> Result<(), PortError> {
        let Some(lease) = &self.lease else { return Ok(()) };
        self.lock.handle.block_on(lease.renew(self.lock.clock.now())).map_err(told)
    }
}

impl Drop for LiveLease<'_> {
    /// One that cannot be given back runs out by itself.
    fn drop(&mut self) {
        if let Some(lease) = self.lease.take() {
            let _ = self.lock.handle.block_on(lease.release());
        }
    }
}
