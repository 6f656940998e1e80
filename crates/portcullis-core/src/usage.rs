//! What flow logs say of rules: which rule let a flow in, what a change would cut, which rules are used, and what would
//! be enough.

pub mod attribute;
pub mod cut;
pub mod evidence;
pub mod flow;
pub mod members;
pub mod observed;
pub mod opening;
pub mod place;
pub mod risk;
pub mod rulebook;
mod sieve;
pub mod suggest;
pub mod tally;

pub use attribute::{Attribution, Doubtful, Seen, Use};
pub use cut::{Cut, cuts};
pub use evidence::Evidence;
pub use flow::Flow;
pub use members::Members;
pub use observed::{Observed, Point, Weight};
pub use opening::tell_used;
pub use place::Places;
pub use risk::{AtRisk, Connection, Risk};
pub use rulebook::{Admitting, RuleAt, Rulebook};
pub use sieve::Sureness;
pub use suggest::{Lengths, Namer, Suggested, Suggester, Suggestion};
pub use tally::{RuleUse, Sum, Tally};
