//! The model: security groups, their rules, and what is known around them. Plain values, however they were read.

pub mod group;
pub mod inventory;
pub mod region;
pub mod rule;

pub use group::{GroupKey, SecurityGroup};
pub use inventory::{
    Coverage, CoverageStatus, GroupUser, Inventory, NetworkInterface, PrefixList, PublicAddress, StaleReference,
    UserKind, Vpc,
};
pub use region::is_region;
pub use rule::{Direction, GroupReference, Peer, PeerIdentity, PeerKind, Rule, Tag, Tags};
