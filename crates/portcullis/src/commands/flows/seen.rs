//! What `risk`, `usage` and `suggest` share: flows out of a digest, and the rules that they are attributed to.

use std::net::IpAddr;

use compact_str::CompactString;
use portcullis_core::model::{Direction, Inventory, SecurityGroup};
use portcullis_core::usage::{Flow, Places, Rulebook, Sum};
use portcullis_flows::key::Value;
use portcullis_flows::{Digest, Field};

use super::Logs;
use crate::cli::flows::InputArgs;
use crate::exit::{Failure, Outcome, Result};
use crate::output::Console;

/// What tells flows apart. The first six must be there; of the others what they tell is used where they are.
const FIELDS: [&str; 10] = [
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "action",
    "interface-id",
    "account-id",
    "flow-direction",
    "tcp-flags",
];
const NEEDED: usize = 6;

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
    let lacks: Vec<&str> = FIELDS
        .iter()
        .copied()
        .take(NEEDED)
        .filter(|name| digest.missing.iter().any(|field| field.name() == *name))
        .collect();
    if !lacks.is_empty() {
        return Err(Failure::input(format!(
            "the flow logs have no field `{}`, without which nobody knows which rule let a flow in",
            lacks.join("`, `")
        )));
    }
    let flows = flows(&digest)?;
    let first = flows.iter().map(|flow| flow.first).min();
    let covered = first.zip(flows.iter().map(|flow| flow.last).max());
    Ok(Observed { flows, inventory, outcome, covered })
}

fn seconds(time: Option<u64>) -> i64 {
    time.and_then(|time| i64::try_from(time).ok()).unwrap_or_default()
}

fn flows(digest: &Digest) -> Result<Vec<Flow>> {
    let mut flows = Vec::new();
    let read = digest.rows.each(|row| {
        let mut flow = Flow {
            account_id: CompactString::default(),
            interface_id: CompactString::default(),
            source: IpAddr::from([0; 4]),
            destination: IpAddr::from([0; 4]),
            source_port: 0,
            destination_port: 0,
            protocol: 0,
            accepted: false,
            direction: None,
            tcp_flags: 0,
            records: row.totals.flows,
            packets: row.totals.packets().unwrap_or_default(),
            bytes: row.totals.bytes().unwrap_or_default(),
            first: seconds(row.totals.first()),
            last: seconds(row.totals.last()),
        };
        let mut addresses = 0;
        for (name, value) in FIELDS.iter().zip(row.values()) {
            match (*name, value) {
                ("srcaddr", Value::Address(address)) => (flow.source, addresses) = (address, addresses + 1),
                ("dstaddr", Value::Address(address)) => (flow.destination, addresses) = (address, addresses + 1),
                ("srcport", Value::Number(port)) => flow.source_port = u16::try_from(port).unwrap_or(0),
                ("dstport", Value::Number(port)) => flow.destination_port = u16::try_from(port).unwrap_or(0),
                ("protocol", Value::Number(number)) => flow.protocol = u8::try_from(number).unwrap_or(u8::MAX),
                ("tcp-flags", Value::Number(flags)) => flow.tcp_flags = (flags & 0xff) as u8,
                ("action", Value::Text(text)) => flow.accepted = text == b"ACCEPT",
                ("flow-direction", Value::Text(b"ingress")) => flow.direction = Some(Direction::Ingress),
                ("flow-direction", Value::Text(b"egress")) => flow.direction = Some(Direction::Egress),
                ("interface-id", Value::Text(text)) => flow.interface_id = CompactString::from_utf8_lossy(text),
                ("account-id", Value::Text(text)) => flow.account_id = CompactString::from_utf8_lossy(text),
                _ => {}
            }
        }
        // A record without addresses is no flow between two.
        if addresses == 2 {
            flows.push(flow);
        }
        Ok(())
    });
    read.map_err(|error| Failure::Incomplete(error.to_string()))?;
    Ok(flows)
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
