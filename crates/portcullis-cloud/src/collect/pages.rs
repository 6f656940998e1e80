//! Lists, page by page.

use std::future::pending;
use std::sync::Arc;

use tokio::task::JoinSet;

use crate::api::Page;
use crate::error::Result as Answer;
use crate::pace::{Lane, Stop};
use crate::tasks::outcome;

/// What was read of a list, and why no more.
pub(super) type Read<T> = (Vec<T>, Result<(), Stop>);

/// Reads a list as a task of its own: of what waits together in one task, all is looked at whenever anything of one arrives,
/// and answers arrive bit by bit.
pub(super) async fn alone<D, T, F>(
    lane: &Lane,
    door: &Arc<D>,
    name: &'static str,
    fetch: impl Fn(Arc<D>, Option<String>) -> F + Send + Sync + 'static,
) -> Read<T>
where
    D: ?Sized + Send + Sync + 'static,
    T: Send + 'static,
    F: Future<Output = Answer<Page<T>>> + Send + 'static,
{
    let (lane, door) = (lane.clone(), Arc::clone(door));
    // A set ends its tasks when it is dropped, as a handle would not.
    let mut reading = JoinSet::new();
    reading.spawn(async move { lane.pages(name, |next| fetch(Arc::clone(&door), next)).await });
    match reading.join_next().await {
        Some(ended) => outcome(ended).await,
        None => pending().await,
    }
}

/// What was read, if anything was: part of it still shows that a group is used.
pub(super) fn keep<T>((items, end): Read<T>, stops: &mut Vec<Stop>) -> Option<Vec<T>> {
    let whole = end.map_err(|stop| stops.push(stop)).is_ok();
    (whole || !items.is_empty()).then_some(items)
}
