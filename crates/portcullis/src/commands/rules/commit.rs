//! `portcullis rules commit`

use crate::cli::{CommitArgs, PlaceArgs};
use crate::exit::{Failure, Outcome, Result};
use crate::output::Console;

pub(crate) fn run(place: &PlaceArgs, args: &CommitArgs, console: &Console) -> Result<Outcome> {
    let _ = (place, args, console);
    Err(Failure::input("`rules commit` is not there yet"))
}
