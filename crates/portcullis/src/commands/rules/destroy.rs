//! `portcullis rules destroy`

use crate::cli::{DestroyArgs, PlaceArgs};
use crate::exit::{Failure, Outcome, Result};
use crate::output::Console;

pub(crate) fn run(place: &PlaceArgs, args: &DestroyArgs, console: &Console) -> Result<Outcome> {
    let _ = (place, args, console);
    Err(Failure::input("`rules destroy` is not there yet"))
}
