//! From what was typed to the service that answers events.

use portcullis_core::remediation::Strategy;
use portcullis_formats::policy::assemble::{Request, assemble};
use portcullis_runtime::respond::{OwnIdentity, Settings, strategy_of};
use portcullis_runtime::service::{Places, ScanSettings, Service, ServiceError, ServiceSettings, bad_ports_policy};

use crate::cli::{AwsArgs, EventArgs, PolicyArgs, StrategyName};
use crate::commands::policy_files;
use crate::exit::{Failure, Result};
use crate::live::{Live, Purpose};
use crate::output::Console;
use crate::selection::narrowed;

/// The service, and the threads that it works on.
pub(crate) struct Opened {
    pub(crate) service: Service,
    /// Dropped last: the service's calls are made on its threads.
    pub(crate) live: Live,
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Input(why) => Self::Input(why),
            ServiceError::Incomplete(why) => Self::Incomplete(why),
        }
    }
}

/// Opens the service. Policies are read first: nothing runs on one that does not parse.
pub(crate) fn open(args: &EventArgs, console: &Console) -> Result<Opened> {
    let (aws, policies) = (aws_with_environment(&args.aws), policies_with_environment(&args.policies));
    let bad_ports = args.bad_ports.as_deref().filter(|ports| !ports.is_empty());
    let order = order(args, bad_ports.is_some() && policies.policy.is_empty())?;
    let live = Live::open(&aws, Purpose::Answer)?;
    let mut files = policy_files::read(&policies.policy, &aws, Some(&live))?;
    if let Some(ports) = bad_ports {
        let policy = bad_ports_policy(ports).map_err(|why| Failure::input(format!("`--bad-ports {ports}`: {why}")))?;
        files.push(("--bad-ports".to_owned(), policy));
    }
    let request = Request { policies: files, packs: policies.pack.clone(), environment: policies.environment.clone() };
    let assembled = assemble(&request).map_err(|errors| console.diagnostics(&errors))?;
    let strategy = assembled.policies.iter().rev().find_map(strategy_of);
    let set = narrowed(assembled.set, &policies)?;

    let mut respond = Settings::new(set.clone(), &assembled.policies, strategy);
    respond.order = order;
    respond.enforce = args.enforce;
    respond.fail_on = args.fail_on;
    respond.break_glass = args.break_glass.iter().filter(|arn| !arn.is_empty()).cloned().collect();
    respond.own = OwnIdentity { session_name: aws.session_name.clone(), role_name: aws.role_name.clone(), arn: None };

    let some = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let settings = ServiceSettings {
        respond,
        places: Places {
            backup: some(&Some(args.backup.clone())).unwrap_or_else(|| "portcullis-backups".to_owned()),
            state: Some(args.state.clone()).filter(|state| !state.is_empty()),
            kms_key: some(&args.kms_key),
            notify: some(&args.notify),
            metrics: args.metrics,
            reports: None,
        },
        policies: set,
        documents: assembled.policies,
        role: live.role(),
        scan: ScanSettings {
            accounts: args.account.clone(),
            accounts_from: aws.accounts_from.clone(),
            regions: args.region.iter().filter(|region| !region.is_empty()).cloned().collect(),
        },
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let service = Service::open(live.cloud().clone(), live.handle(), settings)?;
    Ok(Opened { service, live })
}

/// What is ordered by hand. Ports that are named without a policy are an order too: nothing else says what is to be done.
fn order(args: &EventArgs, bad_ports_alone: bool) -> Result<Option<Strategy>> {
    let with: Vec<_> = args.replace_with.iter().filter_map(|with| with.0).collect();
    Ok(match args.strategy.and_then(|strategy| strategy.0) {
        None | Some(StrategyName::Replace) if !with.is_empty() => Some(Strategy::Replace(with)),
        Some(StrategyName::Replace) => {
            let why = "`--strategy replace` needs `--replace-with CIDR[,CIDR]`: the sources to put in place";
            return Err(Failure::input(why));
        }
        Some(_) if !with.is_empty() => {
            return Err(Failure::input("`--replace-with` goes with `--strategy replace` only"));
        }
        None => bad_ports_alone.then_some(Strategy::Narrow),
        Some(StrategyName::Narrow) => Some(Strategy::Narrow),
        Some(StrategyName::Revoke) => Some(Strategy::Revoke),
        Some(StrategyName::Lockdown) => Some(Strategy::Lockdown),
        Some(StrategyName::Tag) => Some(Strategy::Tag),
    })
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// What other commands take from flags alone, a service takes from its environment too.
pub(crate) fn aws_with_environment(args: &AwsArgs) -> AwsArgs {
    let mut args = args.clone();
    args.role_name = args.role_name.or_else(|| variable("PORTCULLIS_ROLE_NAME"));
    args.external_id = args.external_id.or_else(|| variable("PORTCULLIS_EXTERNAL_ID"));
    args.accounts_from = args.accounts_from.or_else(|| variable("PORTCULLIS_ACCOUNTS_FROM"));
    args
}

fn policies_with_environment(args: &PolicyArgs) -> PolicyArgs {
    let mut args = args.clone();
    if args.policy.is_empty()
        && let Some(policies) = variable("PORTCULLIS_POLICY")
    {
        args.policy = policies.split(',').map(|policy| policy.trim().to_owned()).collect();
    }
    args
}
