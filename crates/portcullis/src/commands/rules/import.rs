//! `portcullis rules import`

use crate::cli::{ImportArgs, PlaceArgs};
use crate::exit::{Failure, Outcome, Result};
use crate::output::Console;

pub(crate) fn run(place: &PlaceArgs, args: &ImportArgs, console: &Console) -> Result<Outcome> {
    let _ = (place, args, console);
    Err(Failure::input("`rules import` is not there yet"))
}
