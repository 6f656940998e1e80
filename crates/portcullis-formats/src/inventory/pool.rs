//! Readers on as many threads as the machine has, started when there is enough for them to do.

use std::num::NonZero;
use std::panic;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Scope, ScopedJoinHandle};

use super::element::{Gathered, Reader};
use super::split::Batch;

/// More threads than this have nothing to do: one thread alone finds out where elements end.
const MAX_THREADS: usize = 8;

/// What is less than this is read before a thread would have begun.
const ENOUGH: usize = 1 << 20;

/// Reads batches, here or on threads of its own.
pub(super) struct Pool<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    region: &'env str,
    here: Gathered,
    /// How much was submitted so far.
    bytes: usize,
    workers: Option<Workers<'scope>>,
}

struct Workers<'scope> {
    batches: SyncSender<Batch>,
    spare: Receiver<Vec<u8>>,
    handles: Vec<ScopedJoinHandle<'scope, Gathered>>,
}

impl<'scope, 'env> Pool<'scope, 'env> {
    pub(super) fn new(scope: &'scope Scope<'scope, 'env>, region: &'env str) -> Self {
        Self { scope, region, here: Gathered::default(), bytes: 0, workers: None }
    }

    /// Reads a batch, sooner or later, and gives a buffer that is no longer needed. Waits while the threads are
    /// behind, so that only a few batches are in memory.
    pub(super) fn submit(&mut self, batch: Batch) -> Vec<u8> {
        self.bytes += batch.text.len();
        if self.workers.is_none() && self.bytes >= ENOUGH {
            self.workers = Workers::start(self.scope, self.region);
        }
        let Some(workers) = &self.workers else {
            Reader::new(&batch, self.region, &mut self.here).read();
            return batch.text;
        };
        // It fails only when every thread panicked, which `finish` passes on.
        let _ = workers.batches.send(batch);
        workers.spare.try_recv().unwrap_or_default()
    }

    /// Everything that was read.
    pub(super) fn finish(self) -> Gathered {
        let mut all = self.here;
        if let Some(Workers { batches, handles, .. }) = self.workers {
            drop(batches);
            for handle in handles {
                match handle.join() {
                    Ok(gathered) => all.merge(gathered),
                    Err(panic) => panic::resume_unwind(panic),
                }
            }
        }
        all
    }
}

impl<'scope> Workers<'scope> {
    /// `None` where the system gives no threads.
    fn start<'env>(scope: &'scope Scope<'scope, 'env>, region: &'env str) -> Option<Self> {
        let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MAX_THREADS);
        let (batches, receiver) = sync_channel(threads);
        let (give_back, spare) = channel();
        let receiver = Arc::new(Mutex::new(receiver));
        let start = |_| {
            let (receiver, give_back) = (Arc::clone(&receiver), give_back.clone());
            thread::Builder::new().spawn_scoped(scope, move || work(&receiver, &give_back, region)).ok()
        };
        let handles: Vec<_> = (0..threads).filter_map(start).collect();
        (!handles.is_empty()).then_some(Self { batches, spare, handles })
    }
}

fn work(batches: &Mutex<Receiver<Batch>>, give_back: &Sender<Vec<u8>>, region: &str) -> Gathered {
    let mut gathered = Gathered::default();
    loop {
        // A statement of its own, so that the lock is let go before the batch is read.
        let next = batches.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(batch) = next else { return gathered };
        Reader::new(&batch, region, &mut gathered).read();
        // Nobody may want it any more.
        let _ = give_back.send(batch.text);
    }
}
