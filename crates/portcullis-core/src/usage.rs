//! What flow logs say of rules: which rule let a flow in, what a change would cut, which rules are used, and what would
//! be enough.

pub mod flow;

pub use flow::Flow;
