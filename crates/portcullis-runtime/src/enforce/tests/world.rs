//! Accounts in memory: their groups, what carries plans out, and what was said.

use std::collections::BTreeMap;
use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use portcullis_core::evaluate::Options;
use portcullis_core::finding::Evaluation;
use portcullis_core::model::{Coverage, CoverageStatus, Direction, GroupKey, Inventory, Peer, Rule, SecurityGroup};
use portcullis_core::net::{Protocol, RuleServices};
use portcullis_core::remediation::{Plan, simulate};
use portcullis_formats::policy::assemble::{Assembled, Request, assemble};

use crate::enforce::{
    Batch, ComplianceLog, Deed, EnforceOptions, EnforcePorts, EnforceReport, Enforcement, PlanShelf, Remediator, Terms,
};
use crate::metrics::{Metric, MetricsSink, Tracking};
use crate::notices::{Notice, Notifier};
use crate::state::MemoryState;
use crate::{PortError, judge};

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const REGION: &str = "eu-west-1";

/// 2026-11-01 00:00 UTC and so many hours.
pub(crate) fn at(hours: i64) -> Timestamp {
    let start: Timestamp = "2026-11-01T00:00:00Z".parse().unwrap();
    start + SignedDuration::from_hours(hours)
}

/// A policy that prohibits SSH (critical), HTTP (medium) and FTP (low) from anywhere. `actions` is what stands in
/// `compliance_actions`, `account` what stands in the account's entry beside its id.
pub(crate) fn policy(actions: &str, account: &str) -> Assembled {
    let text = format!(
        r#"{{"version": "1", "compliance_policies": {{
            "prohibited_rules": {{"inbound": [
                {{"rule_id": "NO_SSH", "description": "No SSH from anywhere", "protocol": "tcp", "port_range": "22",
                  "source": "0.0.0.0/0", "severity": "critical", "reason": "SSH is for the bastion"}},
                {{"rule_id": "NO_HTTP", "description": "No HTTP from anywhere", "protocol": "tcp", "port_range": "80",
                  "source": "0.0.0.0/0", "severity": "medium"}},
                {{"rule_id": "NO_FTP", "description": "No FTP from anywhere", "protocol": "tcp", "port_range": "21",
                  "source": "0.0.0.0/0", "severity": "low"}}]}},
            "environment_specific": {{"vault": {{"required_approvals": ["security_team", "ops_team"]}}}},
            "compliance_actions": {{{actions}}}}},
          "accounts_config": [{{"account_id": "{ACCOUNT}", "account_name": "shop"{account}}}]}}"#
    );
    let policies = vec![("policy.json".to_owned(), text.into_bytes())];
    assemble(&Request { policies, ..Request::default() }).unwrap()
}

/// The policy of an account at `enforce`, with automatic remediation and nobody to ask.
pub(crate) fn automatic() -> Assembled {
    policy(
        r#""remediation_settings": {"automatic_remediation": true, "require_manual_approval": false}"#,
        r#", "enforcement_level": "enforce""#,
    )
}

/// A group with TCP ports open to everybody.
pub(crate) fn group(id: &str, ports: &[u16]) -> SecurityGroup {
    let rule = |port: &u16| Rule {
        id: format!("sgr-{port}").into(),
        ..Rule::new(
            Direction::Ingress,
            RuleServices::Ports(Protocol::TCP, *port, *port),
            "0.0.0.0/0".parse::<Peer>().unwrap(),
        )
    };
    SecurityGroup {
        key: GroupKey { account_id: ACCOUNT.into(), region: REGION.into(), group_id: id.into() },
        name: format!("name of {id}").into(),
        vpc_id: "vpc-1".into(),
        rules: ports.iter().map(rule).collect(),
        ..SecurityGroup::default()
    }
}

/// What carries plans out: in memory, one change at a time.
#[derive(Default)]
pub(crate) struct Cloud {
    pub(crate) groups: Mutex<BTreeMap<GroupKey, SecurityGroup>>,
    /// Plans that were carried out: the strategy, and the groups.
    pub(crate) carried: Mutex<Vec<(&'static str, Vec<String>)>>,
    pub(crate) fails: Mutex<bool>,
}

impl Remediator for Cloud {
    fn carry_out(&self, plan: &Plan) -> Result<Vec<(GroupKey, Deed)>, PortError> {
        if *self.fails.lock().unwrap() {
            return Err(PortError("the bucket refuses".to_owned()));
        }
        let mut groups = self.groups.lock().unwrap();
        let names = plan.groups.iter().map(|planned| planned.key().group_id.to_string()).collect();
        self.carried.lock().unwrap().push((plan.strategy.as_str(), names));
        let mut deeds = Vec::new();
        for planned in &plan.groups {
            let group = groups.get_mut(planned.key()).unwrap();
            let deed = match simulate(group, &planned.changes) {
                Ok(after) => {
                    *group = after;
                    Deed::Changed { changes: planned.changes.len(), backup: format!("backups/{}", group.key.group_id) }
                }
                Err(error) => Deed::Failed { why: error.to_string() },
            };
            deeds.push((planned.key().clone(), deed));
        }
        Ok(deeds)
    }
}

#[derive(Default)]
pub(crate) struct Shelf(pub(crate) Mutex<Vec<(String, Plan)>>);

impl PlanShelf for Shelf {
    fn keep(&self, name: &str, plan: &Plan) -> Result<String, PortError> {
        self.0.lock().unwrap().push((name.to_owned(), plan.clone()));
        Ok(format!("plans/{name}.json"))
    }
}

#[derive(Default)]
pub(crate) struct Mailbox {
    pub(crate) notices: Mutex<Vec<Notice>>,
    pub(crate) fails: Mutex<bool>,
}

impl Notifier for Mailbox {
    fn publish(&self, notice: &Notice) -> Result<(), PortError> {
        if *self.fails.lock().unwrap() {
            return Err(PortError("the topic refuses".to_owned()));
        }
        self.notices.lock().unwrap().push(notice.clone());
        Ok(())
    }
}

#[derive(Default)]
pub(crate) struct Sink(pub(crate) Mutex<Vec<Metric>>);

impl MetricsSink for Sink {
    fn put(&self, namespace: &str, metrics: &[Metric]) -> Result<(), PortError> {
        assert_eq!(namespace, "SecurityGroup/Compliance");
        self.0.lock().unwrap().extend_from_slice(metrics);
        Ok(())
    }
}

/// A world, and the runs over it.
pub(crate) struct World {
    pub(crate) policy: Assembled,
    pub(crate) terms: Terms,
    pub(crate) cloud: Cloud,
    pub(crate) state: MemoryState,
    pub(crate) shelf: Shelf,
    pub(crate) mailbox: Mailbox,
    pub(crate) sink: Sink,
    pub(crate) log: ComplianceLog<Vec<u8>>,
    pub(crate) dry_run: bool,
    pub(crate) silent: bool,
    pub(crate) max_groups: Option<usize>,
    pub(crate) coverage: CoverageStatus,
}

impl World {
    pub(crate) fn new(policy: Assembled, groups: &[SecurityGroup]) -> Self {
        let world = Self {
            terms: Terms::new(&policy.policies, None),
            policy,
            cloud: Cloud::default(),
            state: MemoryState::default(),
            shelf: Shelf::default(),
            mailbox: Mailbox::default(),
            sink: Sink::default(),
            log: ComplianceLog::new(Vec::new()),
            dry_run: false,
            silent: false,
            max_groups: None,
            coverage: CoverageStatus::Complete,
        };
        groups.iter().for_each(|group| world.put(group.clone()));
        world
    }

    pub(crate) fn put(&self, group: SecurityGroup) {
        self.cloud.groups.lock().unwrap().insert(group.key.clone(), group);
    }

    pub(crate) fn remove(&self, id: &str) {
        self.cloud.groups.lock().unwrap().retain(|key, _| key.group_id != id);
    }

    pub(crate) fn group(&self, id: &str) -> SecurityGroup {
        let groups = self.cloud.groups.lock().unwrap();
        groups.values().find(|group| group.key.group_id == id).unwrap().clone()
    }

    /// Reads everything, or one group, and judges it.
    fn judged(&self, now: Timestamp, only: Option<&GroupKey>) -> (Inventory, Evaluation) {
        let row = Coverage {
            account_id: ACCOUNT.into(),
            region: REGION.into(),
            status: self.coverage,
            groups: 0,
            error: (self.coverage != CoverageStatus::Complete).then(|| "denied".to_owned()),
        };
        let groups = self.cloud.groups.lock().unwrap();
        let inventory = Inventory {
            groups: groups.values().filter(|group| only.is_none_or(|only| group.key == *only)).cloned().collect(),
            coverage: vec![row],
            ..Inventory::default()
        };
        let evaluation = judge(&inventory, &self.policy.set, now, Options::default(), None);
        (inventory, evaluation)
    }

    fn ports(&self) -> EnforcePorts<'_> {
        EnforcePorts {
            state: &self.state,
            remediator: &self.cloud,
            plans: &self.shelf,
            notifier: if self.silent { None } else { Some(&self.mailbox) },
            metrics: Some(&self.sink),
            log: Some(&self.log),
        }
    }

    fn options(&self, now: Timestamp) -> EnforceOptions {
        EnforceOptions { run_id: "run".to_owned(), now, dry_run: self.dry_run, max_groups: self.max_groups }
    }

    fn batch<'a>(&'a self, (inventory, evaluation): &'a (Inventory, Evaluation), whole: bool) -> Batch<'a> {
        Batch { inventory, policies: &self.policy.set, evaluation, selected: None, whole }
    }

    /// Reads everything, judges it, and enforces.
    pub(crate) fn run(&self, now: Timestamp) -> EnforceReport {
        let judged = self.judged(now, None);
        let mut run = Enforcement::begin(&self.terms, self.ports(), self.options(now)).unwrap();
        run.judge(&self.batch(&judged, true));
        run.finish(&Tracking::new(&self.policy.policies), Some(SignedDuration::from_secs(3)))
    }

    /// Does the same in parts, one for each group.
    pub(crate) fn run_parts(&self, now: Timestamp) -> Vec<EnforceReport> {
        let keys: Vec<GroupKey> = self.cloud.groups.lock().unwrap().keys().cloned().collect();
        let part = |key: &GroupKey| {
            let judged = self.judged(now, Some(key));
            let (ports, own) = (self.ports(), std::slice::from_ref(key));
            let mut run = Enforcement::begin_part(&self.terms, ports, self.options(now), own).unwrap();
            run.judge(&self.batch(&judged, false));
            run.finish(&Tracking::new(&self.policy.policies), None)
        };
        keys.iter().map(part).collect()
    }

    /// Puts the parts of a run together.
    pub(crate) fn conclude(&self, now: Timestamp, failures: &[&str]) -> EnforceReport {
        let judged = self.judged(now, None);
        let failures: Vec<String> = failures.iter().map(|&why| why.to_owned()).collect();
        let run = Enforcement::begin(&self.terms, self.ports(), self.options(now)).unwrap();
        run.conclude(&self.batch(&judged, true), &failures)
    }

    /// The notices since the last call: level, cause and subject in a line each.
    pub(crate) fn told(&self) -> Vec<String> {
        let notices = std::mem::take(&mut *self.mailbox.notices.lock().unwrap());
        let line = |notice: &Notice| {
            format!("{} {}: {}", notice.attributes["level"], notice.attributes["cause"], notice.subject)
        };
        notices.iter().map(line).collect()
    }

    /// Plans that were carried out since the last call.
    pub(crate) fn carried(&self) -> Vec<(&'static str, Vec<String>)> {
        std::mem::take(&mut *self.cloud.carried.lock().unwrap())
    }

    /// Writes to the state so far: the sum of all versions.
    pub(crate) fn writes(&self) -> i64 {
        use crate::state::KeyValue as _;
        self.state.scan("").unwrap().values().map(|entry| entry.version).sum()
    }
}

/// The rules of a group as text.
pub(crate) fn rules(group: &SecurityGroup) -> Vec<String> {
    group.rules.iter().map(ToString::to_string).collect()
}
