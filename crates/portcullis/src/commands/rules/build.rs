//! `portcullis rules build`

use std::io::Write as _;

use portcullis_core::model::Inventory;
use portcullis_core::remediation::RULE_QUOTA;
use portcullis_formats::cloudformation::MAX_BODY_BYTES;
use portcullis_rules::{Format, Repository};

use super::told::warnings;
use super::{each, failure, open};
use crate::cli::{BuildArgs, PlaceArgs, TemplateFormat};
use crate::exit::{Failure, Outcome, Result};
use crate::output::{Console, to_file, to_stdout};

pub(crate) fn run(place: &PlaceArgs, args: &BuildArgs, console: &Console) -> Result<Outcome> {
    let repositories = open(place, console)?;
    if repositories.len() > 1 {
        return Err(Failure::input("`build` prints one template: `-C DIR` chooses the repository"));
    }
    let format = match args.format {
        TemplateFormat::Yaml => Format::Yaml,
        TemplateFormat::Json => Format::Json,
    };
    // Without AWS nobody knows how many entries a prefix list may have.
    let inventory = Inventory::default();
    for repository in repositories {
        let rules = each(vec![&repository], console, Repository::load)?;
        let Some(rules) = rules.first() else { continue };
        warnings(rules.warnings(), console);
        let template = repository.template(rules, args.split, &inventory).map_err(|error| failure(error, console))?;
        let quota = rules.quota(&inventory);
        if quota > RULE_QUOTA && !args.split {
            console.warn(&format!(
                "warning: {quota} rules in one direction and family, and AWS takes {RULE_QUOTA} in a group unless the quota was \
                 raised: `--split` spreads them over several groups"
            ));
        }
        let size = template.to_compact_json().len();
        if size > MAX_BODY_BYTES {
            console.warn(&format!(
                "warning: {size} bytes, and CloudFormation takes {MAX_BODY_BYTES} in a request: `commit` sends it through S3"
            ));
        }
        match &args.out {
            Some(path) => to_file(path, |out| template.write(format, out))?,
            None => to_stdout(|out| {
                template.write(format, &mut *out)?;
                out.flush()
            })?,
        }
    }
    Ok(Outcome::Done)
}
