//! Policies that are valid by construction: what a run judges by.

pub mod control;
pub mod rule;
pub mod set;

pub use control::{Control, ControlKind, ControlText, FrameworkReference, Severity};
pub use rule::{AllowedPeers, AllowedRule, Match, PeerTest, Scope, Settings, TrafficRule, private_space};
pub use set::{
    Account, Deductions, DummyRule, EnforcementLevel, ExemptedRules, Exemption, ExemptionTarget, Framework,
    FrameworkItem, PolicySet,
};
