//! A digest as text for people and programs.
//!
//! Rows of millions of keys are written on all cores; the JSON is versioned apart from the types that it is made from.

mod csv;
mod json;
mod table;

pub use csv::csv;
pub use json::{json, ndjson};
pub use table::{Naming, table};

use crate::digest::Query;
use crate::rows::Row;

/// The sums of a row, under the names that they have everywhere.
fn sums<'a>(row: &Row<'a>) -> [(&'static str, Option<u64>); 5] {
    let totals = row.totals;
    let [packets, bytes] = Query::SUMS;
    [
        ("flows", Some(totals.flows)),
        (packets, totals.packets()),
        (bytes, totals.bytes()),
        ("first", totals.first()),
        ("last", totals.last()),
    ]
}

/// Appends a number.
fn push_number(text: &mut Vec<u8>, number: u64) {
    text.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends an address.
fn push_address(text: &mut Vec<u8>, address: std::net::IpAddr) {
    match address {
        std::net::IpAddr::V4(address) => {
            for (index, octet) in address.octets().into_iter().enumerate() {
                if index > 0 {
                    text.push(b'.');
                }
                push_number(text, octet.into());
            }
        }
        std::net::IpAddr::V6(address) => text.extend_from_slice(address.to_string().as_bytes()),
    }
}
