//! Reading and assembling policies.

use portcullis_formats::policy::assemble::{Assembled, Request, assemble};

use crate::cli::{AwsArgs, PolicyArgs};
use crate::exit::{Failure, Result};
use crate::live::{Live, Purpose};
use crate::output::Console;

/// The policies, read from files, S3 and the parameter store: by who is at AWS already, else AWS is opened for it.
///
/// A policy that cannot be read stops the run, also where an older copy of it is at hand: nobody should be judged by what
/// does not hold any more.
pub(crate) fn read(locations: &[String], aws: &AwsArgs, live: Option<&Live>) -> Result<Vec<(String, Vec<u8>)>> {
    let mut own = None;
    let mut read = |location: &String| {
        let bytes = if location.starts_with("s3://") || location.starts_with("ssm:") {
            let live: &Live = match (live, &own) {
                (Some(live), _) | (None, Some(live)) => live,
                (None, None) => own.insert(Live::open(aws, Purpose::Read)?),
            };
            live.policy(location)?
        } else {
            std::fs::read(location)
                .map_err(|error| Failure::io(format!("the policy `{location}` cannot be read"), &error))?
        };
        Ok((location.clone(), bytes))
    };
    locations.iter().map(&mut read).collect()
}

/// What was asked for, valid; nothing runs on a policy that does not parse.
pub(crate) fn assembled(args: &PolicyArgs, aws: &AwsArgs, live: Option<&Live>, console: &Console) -> Result<Assembled> {
    let (packs, environment) = (args.pack.clone(), args.environment.clone());
    let request = Request { policies: read(&args.policy, aws, live)?, packs, environment };
    assemble(&request).map_err(|errors| console.diagnostics(&errors))
}
