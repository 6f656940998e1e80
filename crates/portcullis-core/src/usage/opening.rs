//! Whether anybody used what findings are about.

use std::net::IpAddr;

use super::observed::{Point, Weight};
use crate::finding::{Evaluation, Finding, Status};
use crate::model::{Inventory, Vpc};
use crate::net::{Traffic, special};

/// Tells of each finding on traffic how much of it was used from the internet, and puts those that were used first; the
/// order is otherwise kept. `points` are those of the inventory's own groups, by their places in it, in order.
pub fn tell_used(evaluation: &mut Evaluation, inventory: &Inventory, points: &[(Point, Weight)]) {
    for finding in &mut evaluation.findings {
        if finding.status != Status::Pass && !finding.traffic.is_empty() {
            finding.used = Some(used(finding, inventory, points));
        }
    }
    evaluation.findings.sort_by_key(|finding| !finding.is_used());
}

impl Finding {
    /// Whether flow logs show that somebody used it from the internet.
    pub fn is_used(&self) -> bool {
        self.used.is_some_and(|used| used.flows > 0)
    }
}

fn used(finding: &Finding, inventory: &Inventory, points: &[(Point, Weight)]) -> Weight {
    let mut sum = Weight::default();
    let (Ok(place), Some(direction)) = (u32::try_from(finding.group), finding.direction) else { return sum };
    let vpc = inventory.groups.get(finding.group).and_then(|group| inventory.vpcs.get(&group.vpc_id));
    let from = points.partition_point(|(point, _)| (point.group, point.direction) < (place, direction));
    let own = points.get(from..).unwrap_or_default().iter();
    for (point, weight) in own.take_while(|(point, _)| (point.group, point.direction) == (place, direction)) {
        if is_internet(point.peer, vpc) && admits(&finding.traffic, point) {
            sum.merge(*weight);
        }
    }
    sum
}

fn is_internet(peer: IpAddr, vpc: Option<&Vpc>) -> bool {
    special::public().contains(peer) && !vpc.is_some_and(|vpc| vpc.addresses.contains(peer))
}

/// Whether a point is part of the traffic; where its service is not told exactly, whether it may be.
fn admits(traffic: &Traffic, point: &Point) -> bool {
    let segments = traffic.segments();
    let from = segments.partition_point(|segment| segment.services.high < point.services.low);
    let meeting = segments.get(from..).unwrap_or_default().iter();
    let mut meeting = meeting.take_while(|segment| segment.services.low <= point.services.high);
    meeting.any(|segment| segment.peers.addresses.contains(point.peer))
}
