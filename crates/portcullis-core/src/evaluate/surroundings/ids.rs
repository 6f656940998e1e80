//! A set of groups' ids.

use compact_str::CompactString;
use foldhash::{HashSet, HashSetExt as _};

/// Ids of groups. Those that AWS gives are kept as numbers, so that looking one up compares numbers that are in the table
/// and not texts that are elsewhere.
#[derive(Debug)]
pub(crate) struct Ids {
    usual: HashSet<u128>,
    others: HashSet<CompactString>,
}

impl Ids {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { usual: HashSet::with_capacity(capacity), others: HashSet::new() }
    }

    pub(super) fn insert(&mut self, id: &str) {
        match number(id) {
            Some(number) => _ = self.usual.insert(number),
            None => _ = self.others.insert(id.into()),
        }
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        match number(id) {
            Some(number) => self.usual.contains(&number),
            None => !self.others.is_empty() && self.others.contains(id),
        }
    }
}

/// What is left of a usual id without its beginning, which all of them share: different numbers for different ids.
fn number(id: &str) -> Option<u128> {
    let rest: &[u8; 16] = id.strip_prefix("sg-0")?.as_bytes().try_into().ok()?;
    Some(u128::from_le_bytes(*rest))
}

#[cfg(test)]
mod tests {
    use super::Ids;

    #[test]
    fn ids_are_found_whatever_their_form() {
        let ids = ["sg-0123456789abcdef0", "sg-1123456789abcdef0", "sg-a", "", "sg-0é23456789abcde", "sg-01234567"];
        let others =
            ["sg-0123456789abcdef1", "0123456789abcdef", "sg-b", "sg-", "sg-0123456789abcdef01", "sg-0a234567"];
        let mut set = Ids::with_capacity(0);
        ids.iter().for_each(|id| set.insert(id));
        ids.iter().for_each(|id| assert!(set.contains(id), "{id}"));
        others.iter().for_each(|id| assert!(!set.contains(id), "{id}"));
    }
}
