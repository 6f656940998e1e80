//! `portcullis unblock`

use std::io::Write as _;

use portcullis_formats::events::Principal;
use portcullis_runtime::live::Accesses;
use portcullis_runtime::respond::Blocker as _;
use portcullis_runtime::service::LivePrincipals;

use crate::cli::UnblockArgs;
use crate::exit::{Failure, Outcome, Result};
use crate::live::{Live, Purpose};
use crate::output::to_stdout;
use crate::service::aws_with_environment;

pub(crate) fn run(args: &UnblockArgs) -> Result<Outcome> {
    let principal = Principal::parse(&args.principal).map_err(Failure::input)?;
    let live = Live::open(&aws_with_environment(&args.aws), Purpose::Change)?;
    let incomplete = |error: &dyn std::fmt::Display| Failure::Incomplete(error.to_string());
    let accesses = live.handle().block_on(Accesses::with_role(&**live.cloud(), live.role()));
    let accesses = accesses.map_err(|error| incomplete(&error))?;
    let principals = LivePrincipals::new(live.cloud().clone(), live.handle(), accesses);
    let was_blocked = principals.unblock(&principal).map_err(|error| incomplete(&error))?;
    to_stdout(|out| match was_blocked {
        true => writeln!(out, "the block of `{}` is taken back", args.principal),
        false => writeln!(out, "`{}` is not blocked", args.principal),
    })?;
    Ok(Outcome::Done)
}
