//! Plan files: what would change, with its proof, and all that is needed to prove it again without the policies.
//!
//! A plan is read in three steps, each of which can refuse it: its text must be a plan of a known version; its digest must
//! be that of its content; and everything in it that can be computed (fingerprints, simulated changes, proofs) must come
//! out as it is written. A digest is no signature: somebody who can compute it can write another plan, but not one whose
//! proof does not hold.

mod around;
mod controls;
mod cuts;
mod document;
mod error;
mod proof;
mod read;
#[cfg(test)]
mod tests;

use std::io::{self, Write};

use jiff::Timestamp;
use portcullis_core::remediation::Plan;
use portcullis_core::usage::Cut;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::Value;

use crate::record::{ChangeRecord, changes, digest};
use document::Document;
pub use error::PlanError;
pub use read::{PlanFile, read};

/// What a plan file says of its making.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About<'a> {
    /// When it was made.
    pub created_at: Timestamp,
    /// The version of the program that made it.
    pub tool_version: &'a str,
}

/// Writes a plan file.
///
/// # Errors
/// Those of the writer.
pub fn write(plan: &Plan, about: &About<'_>, out: impl Write) -> io::Result<()> {
    write_with_cuts(plan, about, None, out)
}

/// Writes a plan file that also tells which connections each change would cut, by flow logs; `None` where none were read.
///
/// # Errors
/// Those of the writer.
pub fn write_with_cuts(plan: &Plan, about: &About<'_>, cuts: Option<&[Cut]>, mut out: impl Write) -> io::Result<()> {
    let mut document = Document::of(plan, about);
    if let Some(cuts) = cuts {
        document.tell_cuts(cuts);
    }
    document.digest = document.own_digest();
    serde_json::to_writer_pretty(&mut out, &document)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// The JSON Schema of plan files, draft 2020-12.
pub fn schema() -> Value {
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Document>();
    let mut schema = schema.to_value();
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".to_owned(), "Portcullis plan".into());
    }
    schema
}

/// A name for what a plan does: the same for plans that make the same changes of the same groups, whenever they were made.
pub fn identity(plan: &Plan) -> String {
    #[derive(Serialize)]
    struct Group<'a> {
        account_id: &'a str,
        region: &'a str,
        group_id: &'a str,
        fingerprint: &'a str,
        changes: Vec<ChangeRecord>,
    }
    let group = |planned: &'_ portcullis_core::remediation::GroupPlan| {
        let key = planned.key();
        let named = Group {
            account_id: &key.account_id,
            region: &key.region,
            group_id: &key.group_id,
            fingerprint: &planned.fingerprint,
            changes: changes(&planned.changes),
        };
        digest(&named)
    };
    digest(&plan.groups.iter().map(group).collect::<Vec<String>>())
}
