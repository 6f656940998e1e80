//! Plans that wait until somebody agrees: one a group, with all that `portcullis apply` proves it by.

use std::collections::BTreeSet;

use jiff::Timestamp;
use portcullis_core::remediation::{GroupPlan, Plan};
use portcullis_formats::plan::{About, write};

use super::ports::PlanShelf;
use crate::ports::{BackupStore, PortError};

/// Before the name of every plan beside backups, by which those know it for none.
pub(crate) const PLANS: &str = "plan-";

/// Keeps the part of a plan that is about one group, and answers where it is.
///
/// # Errors
/// As [`PlanShelf::keep`].
pub(crate) fn keep(shelf: &dyn PlanShelf, whole: &Plan, own: GroupPlan, now: Timestamp) -> Result<String, PortError> {
    let key = own.key();
    let time = now.strftime("%Y%m%dT%H%M%SZ");
    let name = format!("{}-{}-{}-{time}", key.account_id, key.region, key.group_id);
    shelf.keep(&name, &of_group(whole, own))
}

/// The part of a plan that is about one group.
fn of_group(whole: &Plan, planned: GroupPlan) -> Plan {
    let ids: BTreeSet<&str> = planned.findings.iter().map(|finding| finding.control_id.as_str()).collect();
    let mut plan = Plan { groups: Vec::new(), unfixable: Vec::new(), ..whole.clone() };
    plan.controls.retain(|control| ids.contains(control.id.as_str()));
    plan.around.vpcs.retain(|id, _| *id == planned.group.vpc_id);
    plan.environments.of_accounts.retain(|account, _| *account == planned.group.key.account_id);
    plan.unfixable.extend(whole.unfixable.iter().filter(|left| left.group == *planned.key()).cloned());
    plan.groups.push(planned);
    plan
}

/// Beside backups: `plans/plan-ACCOUNT-REGION-GROUP-TIME.json` below where they are.
pub struct BackupShelf<'a> {
    /// Where backups go.
    pub backups: &'a dyn BackupStore,
    /// Where that is, for people.
    pub place: &'a str,
    /// The version of the program.
    pub tool_version: &'a str,
}

impl PlanShelf for BackupShelf<'_> {
    fn keep(&self, name: &str, plan: &Plan) -> Result<String, PortError> {
        let about = About { created_at: Timestamp::now(), tool_version: self.tool_version };
        let mut bytes = Vec::new();
        write(plan, &about, &mut bytes).map_err(|error| PortError::io("the plan could not be written", &error))?;
        let key = format!("plans/{PLANS}{name}.json");
        self.backups.write_new(&key, &bytes)?;
        Ok(format!("{}/{key}", self.place.trim_end_matches('/')))
    }
}
