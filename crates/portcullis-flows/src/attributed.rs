//! A digest as attribution takes it.

use std::io;
use std::net::IpAddr;

use compact_str::CompactString;
use portcullis_core::model::Direction;
use portcullis_core::usage::Flow;

use crate::digest::Digest;
use crate::key::Value;

/// What must be grouped by, in this order, for [`flows`].
pub const FIELDS: [&str; 10] = [
    "account-id",
    "interface-id",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "action",
    "flow-direction",
    "tcp-flags",
];

/// The flows of a digest by [`FIELDS`], and how many records had no address or protocol and so are none: AWS writes such
/// records for traffic that it could not take apart.
///
/// # Errors
/// Where a temporary file of the digest fails.
pub fn flows(digest: &Digest) -> io::Result<(Vec<Flow>, u64)> {
    let mut flows = Vec::new();
    let mut without = 0;
    digest.rows.each(|row| {
        let mut values = row.values();
        let mut next = || values.next().unwrap_or(Value::Absent);
        let [
            account,
            interface,
            source,
            destination,
            source_port,
            destination_port,
            protocol,
            action,
            direction,
            flags,
        ] = std::array::from_fn(|_| next());
        let (Some(source), Some(destination), Some(protocol)) =
            (address(source), address(destination), small(protocol))
        else {
            without += row.totals.flows;
            return Ok(());
        };
        let seconds = |time: Option<u64>| time.and_then(|time| i64::try_from(time).ok()).unwrap_or_default();
        flows.push(Flow {
            account_id: text(account),
            interface_id: text(interface),
            source,
            destination,
            source_port: small(source_port).unwrap_or_default(),
            destination_port: small(destination_port).unwrap_or_default(),
            protocol,
            accepted: action == Value::Text(b"ACCEPT"),
            direction: match direction {
                Value::Text(b"ingress") => Some(Direction::Ingress),
                Value::Text(b"egress") => Some(Direction::Egress),
                _ => None,
            },
            // The field holds flags of one byte; its type in Parquet is wider.
            tcp_flags: small::<u64>(flags).and_then(|flags| u8::try_from(flags & 0xff).ok()).unwrap_or_default(),
            records: row.totals.flows,
            packets: row.totals.packets().unwrap_or_default(),
            bytes: row.totals.bytes().unwrap_or_default(),
            first: seconds(row.totals.first()),
            last: seconds(row.totals.last()),
        });
        Ok(())
    })?;
    Ok((flows, without))
}

fn text(value: Value<'_>) -> CompactString {
    match value {
        Value::Text(text) => CompactString::from_utf8_lossy(text),
        _ => CompactString::default(),
    }
}

fn address(value: Value<'_>) -> Option<IpAddr> {
    match value {
        Value::Address(address) => Some(address),
        _ => None,
    }
}

fn small<T: TryFrom<u64>>(value: Value<'_>) -> Option<T> {
    match value {
        Value::Number(number) => T::try_from(number).ok(),
        _ => None,
    }
}
