//! `portcullis rules destroy`

use portcullis_runtime::rules::{Talk as _, destroy};

use super::aws::{Sites, Told, failed};
use super::{failure, open};
use crate::cli::{DestroyArgs, PlaceArgs};
use crate::exit::{Failure, Outcome, Result};
use crate::live::Purpose;
use crate::output::Console;

pub(crate) fn run(place: &PlaceArgs, args: &DestroyArgs, console: &Console) -> Result<Outcome> {
    let mut repositories = open(place, console)?;
    let several = repositories.len() > 1;
    let talk = Told { place, console };
    let mut sites = Sites::new(place, Purpose::Change);
    let mut incomplete = false;
    for repository in &mut repositories {
        if several {
            console.remark(&format!("{}:", repository.name()));
        }
        if args.skip_stack {
            repository.destroyed().map_err(|error| failure(error, console))?;
            talk.info("State removed; the stack stays as it is");
            continue;
        }
        let site = sites.site(repository)?;
        match destroy(repository, &site, &talk).map_err(|error| failed(error, console)) {
            Ok(true) => talk.info("Stack deleted successfully"),
            Ok(false) => {}
            Err(Failure::Incomplete(message)) if several => {
                console.warn(&format!("error: {}: {message}", repository.name()));
                incomplete = true;
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(if incomplete { Outcome::Incomplete } else { Outcome::Done })
}
