//! Faults that strike by a list, call after call.

use super::{Fault, Faults};
use crate::error::Kind;

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is made and answered.
    Fine,
    /// It is refused for its rate.
    Throttled,
    /// It does not arrive.
    Lost,
    /// It is made, and its answer does not arrive.
    AnswerLost,
    /// It is refused.
    Denied,
}

impl Faults {
    /// What becomes of the next calls of this name; of those after them, all is fine.
    pub(crate) fn fate(&self, call: &'static str, fates: &[Fate]) {
        self.clear();
        for (before, fate) in (0..).zip(fates) {
            let fault = match fate {
                Fate::Fine => continue,
                Fate::Throttled => Fault::fail(call, Kind::Throttled),
                Fate::Lost => Fault::fail(call, Kind::Unreachable),
                Fate::AnswerLost => Fault::lose(call),
                Fate::Denied => Fault::fail(call, Kind::Denied),
            };
            self.add(fault.after(before).first(1));
        }
    }
}
