//! What `risk`, `usage` and `suggest` share: flows out of a digest, and the rules that they are attributed to.

use portcullis_core::model::{Inventory, SecurityGroup};
use portcullis_core::usage::{Flow, Places, Rulebook, Sum};
use portcullis_flows::Field;
use portcullis_flows::attributed::{FIELDS, flows};

use super::Logs;
use crate::cli::flows::InputArgs;
use crate::exit::{Failure, Outcome, Result};
use crate::output::Console;

/// Fields that must be there; what the others of [`FIELDS`] tell is used where they are.
const NEEDED: [&str; 6] = ["srcaddr", "dstaddr", "srcport", "dstport", "protocol", "action"];

/// Flows, and what was read with them.
pub(crate) struct Observed {
    pub(crate) flows: Vec<Flow>,
    /// The inventory, where one was named.
    pub(crate) inventory: Option<Inventory>,
    /// Whether all of the logs could be read.
    pub(crate) outcome: Outcome,
    /// The least `start` and the greatest `end` of all records, in seconds since 1970.
    pub(crate) covered: Option<(i64, i64)>,
}

/// Reads flow logs as flows.
pub(crate) fn read(args: &InputArgs, console: &Console) -> Result<Observed> {
    let logs = Logs::open(args)?;
    let by: Vec<Field> = FIELDS.iter().map(|name| Field::named(name)).collect();
    let (digest, inventory, outcome) = logs.read(by, None, console)?;
    let is_missing = |name: &&str| digest.missing.iter().any(|field| field.name() == *name);
    let lacks: Vec<&str> = NEEDED.into_iter().filter(is_missing).collect();
    if !lacks.is_empty() {
        return Err(Failure::input(format!(
            "the flow logs have no field `{}`, without which nobody knows which rule let a flow in",
            lacks.join("`, `")
        )));
    }
    // A record without addresses is no flow between two.
    let (flows, _) = flows(&digest).map_err(|error| Failure::Incomplete(error.to_string()))?;
    let first = flows.iter().map(|flow| flow.first).min();
    let covered = first.zip(flows.iter().map(|flow| flow.last).max());
    Ok(Observed { flows, inventory, outcome, covered })
}

/// The inventory that a command cannot do without.
pub(crate) fn needed(inventory: Option<Inventory>, command: &str) -> Result<Inventory> {
    inventory.ok_or_else(|| {
        Failure::input(format!(
            "`flows {command}` needs `--inventory INV`: the groups with their rules, and the network interfaces, such as \
             `portcullis snapshot` saves"
        ))
    })
}

/// Where the flows were seen. Without interfaces every group is taken to be on each, and that is said.
pub(crate) fn places<'a>(
    inventory: &'a Inventory,
    flows: &'a [Flow],
    rulebook: &Rulebook<'_>,
    console: &Console,
) -> Places<'a> {
    if inventory.interfaces.is_some() {
        return Places::of(inventory, rulebook);
    }
    console.remark(&format!(
        "note: without network interfaces in an inventory nobody knows which groups an interface has: {} taken to be on \
         each interface of the logs",
        match rulebook.groups() {
            [one] => format!("`{}` is", one.key.group_id),
            _ => "all groups are".to_owned(),
        }
    ));
    Places::presumed(flows, rulebook)
}

/// Says how much no rule admits.
pub(crate) fn remark_on_unattributed(sum: Sum, console: &Console) {
    let Sum { flows, bytes, .. } = sum;
    if flows > 0 {
        let records = if flows == 1 { "record" } else { "records" };
        console.remark(&format!(
            "note: {flows} accepted {records} ({bytes} bytes) that no rule admits: the inventory is older or newer than \
             the logs, or does not know the interface"
        ));
    }
}

/// The places of the groups that `--group` asks for; of all without it.
pub(crate) fn told(args: &InputArgs, groups: &[&SecurityGroup]) -> Vec<u32> {
    let wanted = |group: &SecurityGroup| {
        let is = |name: &String| group.key.group_id == name.as_str() || group.name == name.as_str();
        args.group.is_empty() || args.group.iter().any(is)
    };
    (0u32..).zip(groups).filter(|(_, group)| wanted(group)).map(|(place, _)| place).collect()
}
