//! Prefix lists: each is read once in a Region, whichever accounts name it.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Mutex as AsyncMutex;

use crate::api::Ec2;
use crate::error::Kind;
use crate::pace::{Lane, Stop};
use crate::shapes::PrefixList;

/// After this many accounts could not read a list, the others no longer wait for one another to try.
const PATIENCE: u32 = 2;

/// The lists of each Region that could be read. A list of AWS is the same for all accounts of a Region, and one of
/// ours the same for all that it is shared with.
#[derive(Debug, Default)]
pub(super) struct Lists(Mutex<HashMap<String, BTreeMap<String, Arc<Slot>>>>);

#[derive(Debug, Default)]
struct Slot {
    list: AsyncMutex<Option<PrefixList>>,
    failures: AtomicU32,
}

impl Lists {
    fn slot(&self, region: &str, id: &str) -> Arc<Slot> {
        let mut regions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(regions.entry(region.to_owned()).or_default().entry(id.to_owned()).or_default())
    }

    /// Drops the lists of a Region that is done with.
    pub(super) fn forget(&self, region: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(region);
    }

    /// A list with its entries.
    pub(super) async fn get(&self, lane: &Lane, ec2: &dyn Ec2, region: &str, id: &str) -> Result<PrefixList, Stop> {
        let slot = self.slot(region, id);
        if slot.failures.load(Ordering::Relaxed) >= PATIENCE {
            let known = slot.list.lock().await.clone();
            return match known {
                Some(list) => Ok(list),
                None => read(lane, ec2, id).await,
            };
        }
        let mut known = slot.list.lock().await;
        if let Some(list) = &*known {
            return Ok(list.clone());
        }
        let read = read(lane, ec2, id).await;
        match &read {
            Ok(list) => *known = Some(list.clone()),
            Err(_) => {
                slot.failures.fetch_add(1, Ordering::Relaxed);
            }
        }
        read
    }
}

/// Reads a list and its entries side by side: both answer to its id.
async fn read(lane: &Lane, ec2: &dyn Ec2, id: &str) -> Result<PrefixList, Stop> {
    let ids = [id.to_owned()];
    let ((lists, of_list), (entries, of_entries)) = tokio::join!(
        lane.pages("ec2:DescribeManagedPrefixLists", |next| ec2.prefix_lists(&ids, next)),
        lane.pages("ec2:GetManagedPrefixListEntries", |next| ec2.prefix_list_entries(id, next)),
    );
    of_entries?;
    let list = match of_list {
        Ok(()) => lists.into_iter().find(|list| list.prefix_list_id == id),
        // Its entries are what a verdict needs.
        Err(Stop::Failed(error)) if matches!(error.kind, Kind::Denied | Kind::NotFound) => None,
        Err(stop) => return Err(stop),
    };
    let list = list.unwrap_or_else(|| PrefixList { prefix_list_id: id.to_owned(), ..PrefixList::default() });
    Ok(PrefixList { entries: Some(entries), ..list })
}
