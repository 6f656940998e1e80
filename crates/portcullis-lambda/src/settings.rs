//! What the function's environment says. The names are those of the command line's flags, with `PORTCULLIS_` before them;
//! an empty value is none.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use portcullis_cloud::api::{Cloud, Role};
use portcullis_cloud::stores::{Location, Policies};
use portcullis_core::net::AnyCidr;
use portcullis_core::remediation::Strategy;
use portcullis_formats::policy::assemble::{Request, assemble};
use portcullis_runtime::live::Handle;
use portcullis_runtime::respond::{OwnIdentity, Settings, strategy_of};
use portcullis_runtime::service::{Places, ScanSettings, ServiceSettings, bad_ports_policy};

/// The name that our sessions bear.
const SESSION: &str = "portcullis";
/// How long reading a policy is tried.
const PATIENCE: Duration = Duration::from_secs(20);

/// The environment: the value of a variable.
type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads the environment and the policies that it names.
pub(crate) fn read(environment: Environment<'_>, cloud: &Arc<dyn Cloud>, handle: &Handle) -> Result<ServiceSettings> {
    let list = list_of(environment);
    let policies = list("PORTCULLIS_POLICY");
    let bad_ports = variable(environment, "PORTCULLIS_BAD_PORTS");
    let order = order(environment, bad_ports.is_some() && policies.is_empty())?;
    let mut files = Vec::new();
    for place in policies {
        let bytes = policy(&place, cloud, handle)?;
        files.push((place, bytes));
    }
    if let Some(ports) = bad_ports {
        let bytes = bad_ports_policy(&ports).map_err(|why| anyhow::anyhow!("PORTCULLIS_BAD_PORTS: {why}"))?;
        files.push(("PORTCULLIS_BAD_PORTS".to_owned(), bytes));
    }
    let request = Request { policies: files, packs: list("PORTCULLIS_PACK"), environment: None };
    let assembled = assemble(&request).map_err(|errors| anyhow::anyhow!("{}", errors.render(false, 100)))?;
    let strategy = assembled.policies.iter().rev().find_map(strategy_of);
    let role_name = variable(environment, "PORTCULLIS_ROLE_NAME");
    let role = role_name.clone().map(|name| Role {
        name,
        external_id: variable(environment, "PORTCULLIS_EXTERNAL_ID"),
        session_name: SESSION.to_owned(),
        session_policy: None,
    });
    let mut respond = Settings::new(assembled.set.clone(), &assembled.policies, strategy);
    respond.order = order;
    respond.enforce = flag(environment, "PORTCULLIS_ENFORCE")?;
    respond.break_glass = list("PORTCULLIS_BREAK_GLASS");
    respond.own = OwnIdentity { session_name: SESSION.to_owned(), role_name, arn: None };
    Ok(ServiceSettings {
        respond,
        places: Places {
            backup: variable(environment, "PORTCULLIS_BACKUP").unwrap_or_else(|| "/tmp/portcullis-backups".to_owned()),
            state: variable(environment, "PORTCULLIS_STATE"),
            kms_key: variable(environment, "PORTCULLIS_KMS_KEY"),
            notify: variable(environment, "PORTCULLIS_NOTIFY"),
            metrics: flag(environment, "PORTCULLIS_METRICS")?,
            reports: variable(environment, "PORTCULLIS_REPORTS"),
        },
        policies: assembled.set,
        documents: assembled.policies,
        role,
        scan: ScanSettings {
            accounts: Vec::new(),
            accounts_from: variable(environment, "PORTCULLIS_ACCOUNTS_FROM"),
            regions: list("PORTCULLIS_REGIONS"),
        },
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

fn variable(environment: Environment<'_>, name: &str) -> Option<String> {
    environment(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

fn list_of<'a>(environment: Environment<'a>) -> impl Fn(&str) -> Vec<String> + 'a {
    move |name| {
        let all = variable(environment, name).unwrap_or_default();
        all.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
    }
}

fn flag(environment: Environment<'_>, name: &str) -> Result<bool> {
    match variable(environment, name).as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => bail!("{name} is `{other}`: true or false is expected"),
    }
}

fn order(environment: Environment<'_>, bad_ports_alone: bool) -> Result<Option<Strategy>> {
    let with = list_of(environment)("PORTCULLIS_REPLACE_WITH");
    let with: Vec<AnyCidr> =
        with.iter().map(|block| block.parse()).collect::<Result<_, _>>().context("PORTCULLIS_REPLACE_WITH")?;
    Ok(match variable(environment, "PORTCULLIS_STRATEGY").as_deref() {
        None | Some("replace") if !with.is_empty() => Some(Strategy::Replace(with)),
        Some("replace") => bail!("PORTCULLIS_STRATEGY is `replace`: PORTCULLIS_REPLACE_WITH must name the sources"),
        None => bad_ports_alone.then_some(Strategy::Narrow),
        // Sources that are named beside another strategy have no use; a template may name them all the same.
        Some("narrow") => Some(Strategy::Narrow),
        Some("revoke") => Some(Strategy::Revoke),
        Some("lockdown") => Some(Strategy::Lockdown),
        Some("tag") => Some(Strategy::Tag),
        Some(other) => {
            bail!("PORTCULLIS_STRATEGY is `{other}`: narrow, revoke, replace, lockdown or tag is expected")
        }
    })
}

fn policy(place: &str, cloud: &Arc<dyn Cloud>, handle: &Handle) -> Result<Vec<u8>> {
    if !place.starts_with("s3://") && !place.starts_with("ssm:") {
        return std::fs::read(place).with_context(|| format!("the policy `{place}` cannot be read"));
    }
    let location: Location = place.parse()?;
    let policies = Policies::new(Arc::clone(cloud), None, PATIENCE);
    handle.block_on(policies.read(&location)).with_context(|| format!("the policy `{place}` cannot be read"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use portcullis_cloud::model::World;

    use super::*;

    fn with(variables: &[(&str, &str)]) -> Result<ServiceSettings> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let cloud: Arc<dyn Cloud> = Arc::new(World::new());
        let find = |name: &str| {
            let found = variables.iter().find(|(own, _)| *own == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        read(&find, &cloud, &runtime.handle().clone().into())
    }

    #[test]
    fn an_empty_environment_changes_nothing() {
        let settings = with(&[("PORTCULLIS_STRATEGY", ""), ("PORTCULLIS_ROLE_NAME", "")]).unwrap();
        assert!(!settings.respond.enforce && settings.respond.order.is_none() && settings.role.is_none());
        assert!(settings.policies.controls.len() > 20);
    }

    #[test]
    fn ports_and_sources_are_an_order() {
        let settings = with(&[
            ("PORTCULLIS_ENFORCE", "true"),
            ("PORTCULLIS_BAD_PORTS", "22,3389"),
            ("PORTCULLIS_REPLACE_WITH", "10.0.0.0/8"),
        ]);
        let settings = settings.unwrap();
        assert!(settings.respond.enforce && matches!(settings.respond.order, Some(Strategy::Replace(_))));
        assert_eq!(settings.policies.controls.len(), 4);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (name, value) in [
            ("PORTCULLIS_ENFORCE", "maybe"),
            ("PORTCULLIS_BAD_PORTS", "ssh"),
            ("PORTCULLIS_STRATEGY", "delete"),
            ("PORTCULLIS_STRATEGY", "replace"),
            ("PORTCULLIS_REPLACE_WITH", "10.0.0.0/33"),
        ] {
            let error = format!("{:#}", with(&[(name, value)]).map(|_| ()).unwrap_err());
            assert!(error.contains(name) || error.contains("PORTCULLIS_REPLACE_WITH"), "{name}: {error}");
        }
    }
}
