//! `portcullis docs`: documents that are generated from the program, for the repository.

use std::io::Write as _;

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
    }
    Ok(Outcome::Done)
}
