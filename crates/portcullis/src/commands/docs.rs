//! `portcullis docs`: documents that are generated from the program, for the repository.

use std::io::Write as _;

use portcullis_aws::permissions::Document as Iam;

use super::documents::{control_docs, pack_docs};
use crate::cli::Document;
use crate::exit::{Outcome, Result};
use crate::output::to_stdout;

pub(crate) fn run(document: Document) -> Result<Outcome> {
    match document {
        Document::Controls => to_stdout(|out| portcullis_report::controls::render(&control_docs(), &pack_docs(), out))?,
        Document::PlanSchema => to_stdout(|out| {
            serde_json::to_writer_pretty(&mut *out, &portcullis_formats::plan::schema())?;
            out.write_all(b"\n")
        })?,
        Document::RulesSchema => to_stdout(|out| {
            serde_json::to_writer_pretty(&mut *out, &portcullis_rules::Settings::schema())?;
            out.write_all(b"\n")
        })?,
        Document::IamScanOnly => iam(Iam::ScanOnly)?,
        Document::IamRemediate => iam(Iam::Remediate)?,
        Document::IamRemediateMember => iam(Iam::RemediateMember)?,
        Document::IamHub => iam(Iam::Hub)?,
        Document::IamOrganizationRead => iam(Iam::OrganizationRead)?,
        Document::IamRules => iam(Iam::Rules)?,
        Document::IamFlowLogs => iam(Iam::FlowLogs)?,
        Document::IamTrustPolicy => iam(Iam::Trust)?,
    }
    Ok(Outcome::Done)
}

fn iam(document: Iam) -> Result<()> {
    to_stdout(|out| out.write_all(document.text().as_bytes()))
}
