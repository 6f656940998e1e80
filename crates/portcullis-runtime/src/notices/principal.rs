//! What a notice says of a principal.

use std::collections::BTreeMap;

use jiff::Timestamp;
use portcullis_report::sanitise::neutral;
use serde::Serialize;

use super::fit::{cut, subject};
use super::{Level, Notice, moment};

/// The longest text of one field.
const FIELD: usize = 2_048;

/// Many changes by one principal, and what was done about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PrincipalNote {
    /// Who: an ARN.
    pub principal: String,
    /// Its account.
    pub account_id: String,
    /// How many changes in a minute.
    pub in_a_minute: usize,
    /// How many in an hour.
    pub in_an_hour: usize,
    /// Whether it has gone on since it was told first.
    pub escalated: bool,
    /// What was done, and what failed.
    pub done: Vec<String>,
}

#[derive(Serialize)]
struct Document<'a> {
    schema_version: &'static str,
    tool: &'static str,
    level: Level,
    cause: &'static str,
    time: String,
    #[serde(flatten)]
    note: &'a PrincipalNote,
}

impl PrincipalNote {
    /// The notice, with the names of the channels that it is for.
    pub fn notice(&self, at: Timestamp, channels: &[String]) -> Notice {
        let clean = |text: &String| cut(&neutral(text), FIELD);
        let note = Self {
            principal: clean(&self.principal),
            account_id: clean(&self.account_id),
            done: self.done.iter().map(clean).collect(),
            ..self.clone()
        };
        let word = if note.escalated { "ESCALATED mass operations" } else { "MASS OPERATIONS" };
        let headline = format!("Portcullis {word}: {} in {}", note.principal, note.account_id);
        let mut text = format!(
            "{headline}\n{}\n\n{} changed security groups {} times within a minute, {} times within an hour.\n",
            moment(at),
            note.principal,
            note.in_a_minute,
            note.in_an_hour
        );
        for done in &note.done {
            text.push_str("  done: ");
            text.push_str(done);
            text.push('\n');
        }
        let cause = "mass_operations";
        let level = Level::Immediate;
        let document =
            Document { schema_version: "1", tool: "portcullis", level, cause, time: at.to_string(), note: &note };
        let mut attributes =
            BTreeMap::from([("level".to_owned(), level.as_str().to_owned()), ("cause".to_owned(), cause.to_owned())]);
        if !note.account_id.is_empty() {
            attributes.insert("account_id".to_owned(), note.account_id.clone());
        }
        if !channels.is_empty() {
            attributes.insert("channels".to_owned(), cut(&neutral(&channels.join(",")), 1_024));
        }
        Notice {
            subject: subject(&headline),
            text,
            json: serde_json::to_string(&document).unwrap_or_default(),
            attributes,
        }
    }
}
