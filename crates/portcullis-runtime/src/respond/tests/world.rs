//! An account with a group, a policy, a clock, and events about the group.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use jiff::{SignedDuration, Timestamp};
use portcullis_cloud::api::Cloud;
use portcullis_cloud::faults::Faults;
use portcullis_cloud::model::{Place, World};
use portcullis_core::net::AnyCidr;
use portcullis_core::remediation::Strategy;
use portcullis_formats::events::{Delivery, read};
use portcullis_formats::policy::assemble::{Request, assemble};
use serde_json::{Value, json};

use crate::ports::Clock;
use crate::respond::{OwnIdentity, Response, Settings};
use crate::service::{Places, ScanSettings, Service, ServiceSettings};

pub(super) const ACCOUNT: &str = "111122223333";
pub(super) const REGION: &str = "eu-west-1";
pub(super) const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:portcullis";

/// A clock that is turned by hand.
pub(super) struct Hand(Mutex<Timestamp>);

impl Hand {
    pub(super) fn turn(&self, minutes: i64) {
        *self.0.lock().unwrap() += SignedDuration::from_mins(minutes);
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

pub(super) struct Bench {
    pub(super) world: World,
    pub(super) clock: Hand,
    pub(super) group: String,
    service: Service,
    /// What goes wrong between the service and its world.
    pub(super) faults: Faults,
    backups: tempfile::TempDir,
}

/// How a bench is set up.
#[derive(Default)]
pub(super) struct Setup {
    pub(super) policy: Option<Value>,
    pub(super) order: Option<Strategy>,
    pub(super) dry_run: bool,
    pub(super) break_glass: Vec<String>,
    /// Whether what is remembered is in a table, and not in this process.
    pub(super) table: bool,
}

/// An order to replace what is bad.
pub(super) fn replace(with: &str) -> Option<Strategy> {
    Some(Strategy::Replace(vec![with.parse::<AnyCidr>().unwrap()]))
}

/// A policy that turns `internet-ssh` on, with an account at this level, and these real-time settings.
pub(super) fn policy(level: &str, real_time: &Value) -> Value {
    json!({
        "version": "1",
        "controls": ["internet-all-traffic", "internet-ssh"],
        "compliance_policies": { "real_time_scanning": real_time },
        "accounts_config": [{ "account_id": ACCOUNT, "enforcement_level": level }],
    })
}

impl Bench {
    /// An account with the group `web`, whose rules are these.
    pub(super) fn new(setup: Setup, rules: &[&str]) -> Self {
        let world = World::new();
        let mut place = Place::new(ACCOUNT, REGION);
        let group = place.add_group("web", "the shop");
        rules.iter().for_each(|rule| drop(place.add_rule(&group, rule)));
        world.add_place(place);
        world.add_topic(TOPIC);
        world.add_table("state");
        let handle = crate::live::Handle::paused();
        let policies = setup.policy.iter().map(|policy| ("policy.json".to_owned(), policy.to_string().into_bytes()));
        let packs = if setup.policy.is_none() { vec!["recommended".to_owned()] } else { Vec::new() };
        let request = Request { policies: policies.collect(), packs, environment: None };
        let assembled = assemble(&request).map_err(|errors| errors.render(false, 100)).unwrap();
        let mut respond = Settings::new(assembled.set.clone(), &assembled.policies, None);
        respond.order = setup.order;
        respond.enforce = !setup.dry_run;
        respond.break_glass = setup.break_glass;
        respond.own = OwnIdentity {
            session_name: "portcullis".to_owned(),
            role_name: Some("portcullis-remediate".to_owned()),
            ..OwnIdentity::default()
        };
        let backups = tempfile::tempdir().unwrap();
        let settings = ServiceSettings {
            respond,
            places: Places {
                backup: backups.path().display().to_string(),
                notify: Some(TOPIC.to_owned()),
                metrics: true,
                state: setup.table.then(|| "dynamodb://state".to_owned()),
                ..Places::default()
            },
            policies: assembled.set,
            documents: assembled.policies,
            role: None,
            scan: ScanSettings::default(),
            tool_version: "0".to_owned(),
        };
        let faults = Faults::around(Arc::new(world.clone()), []);
        let cloud: Arc<dyn Cloud> = Arc::new(faults.clone());
        let service = Service::open(cloud, handle, settings).unwrap();
        let clock = Hand(Mutex::new("2026-01-15T12:00:05Z".parse().unwrap()));
        Self { world, clock, group, service, faults, backups }
    }

    /// The group's rules, a line each, as they are added.
    pub(super) fn rules(&self) -> Vec<String> {
        let line = |line: String| {
            let (rule, description) = line.split_once(" # ").unwrap_or((&line, ""));
            let mut words: Vec<&str> = rule.split(' ').collect();
            let peer = words.pop().unwrap();
            let ports = words.get(2).and_then(|ports| ports.split_once('-'));
            if let Some((from, _)) = ports.filter(|(from, to)| from == to) {
                words[2] = from;
            }
            let way = if words[0] == "egress" { "to" } else { "from" };
            let description = if description.is_empty() { String::new() } else { format!(" # {description}") };
            format!("{} {way} {peer}{description}", words.join(" "))
        };
        self.world.place(ACCOUNT, REGION).lines(&self.group).into_iter().map(line).collect()
    }

    /// The group's tags, `KEY=VALUE`.
    pub(super) fn tags(&self) -> Vec<String> {
        let place = self.world.place(ACCOUNT, REGION);
        place.groups[&self.group].tags.iter().map(|tag| format!("{}={}", tag.key, tag.value)).collect()
    }

    pub(super) fn add_rule(&self, line: &str) {
        self.world.change(ACCOUNT, REGION, |place| drop(place.add_rule(&self.group, line)));
    }

    /// An event of this id that tells of a rule from anywhere on the group.
    pub(super) fn event(&self, id: &str) -> Value {
        json!({
            "version": "0", "id": format!("envelope-{id}"), "detail-type": "AWS API Call via CloudTrail",
            "source": "aws.ec2", "account": ACCOUNT, "region": REGION, "time": "2026-01-15T12:00:04Z",
            "detail": {
                "eventSource": "ec2.amazonaws.com", "eventName": "AuthorizeSecurityGroupIngress", "eventID": id,
                "eventTime": "2026-01-15T12:00:00Z", "awsRegion": REGION, "recipientAccountId": ACCOUNT,
                "userIdentity": {
                    "type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/rogue", "accountId": ACCOUNT,
                    "userName": "rogue",
                },
                "requestParameters": { "groupId": self.group, "ipPermissions": { "items": [{
                    "ipProtocol": "tcp", "fromPort": 22, "toPort": 22,
                    "ipRanges": { "items": [{ "cidrIp": "0.0.0.0/0" }] },
                }] } },
                "responseElements": { "_return": true },
            },
        })
    }

    pub(super) fn handle(&self, event: &Value) -> Response {
        self.handle_all(&read(event.to_string().as_bytes()).unwrap().deliveries)
    }

    pub(super) fn handle_all(&self, deliveries: &[Delivery]) -> Response {
        self.service.respond(deliveries, &self.clock, &AtomicBool::new(false))
    }

    /// As it goes where the time of a call is nearly over.
    pub(super) fn handle_late(&self, event: &Value) -> Response {
        let deliveries = read(event.to_string().as_bytes()).unwrap().deliveries;
        self.service.respond(&deliveries, &self.clock, &AtomicBool::new(true))
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.service.next_due(&self.clock)
    }

    pub(super) fn unblock(&self, arn: &str) -> bool {
        use crate::respond::Blocker as _;
        self.service.principals().unblock(&portcullis_formats::events::Principal::parse(arn).unwrap()).unwrap()
    }

    /// The texts of the notices so far.
    pub(super) fn notices(&self) -> Vec<String> {
        self.world.notices(TOPIC).into_iter().map(|notice| notice.text).collect()
    }

    /// The sum of a metric.
    pub(super) fn metric(&self, name: &str) -> f64 {
        let metrics = self.world.metrics_of("SecurityGroup/Compliance");
        metrics.iter().filter(|metric| metric.name == name).map(|metric| metric.value).sum()
    }

    /// Puts a file where the folder of the account's backups would be.
    pub(super) fn spoil_backups(&self) {
        std::fs::write(self.backups.path().join(ACCOUNT), "").unwrap();
    }

    /// How many backups of the group there are.
    pub(super) fn backups(&self) -> usize {
        let folder = self.backups.path().join(ACCOUNT).join(REGION).join(&self.group);
        folder.read_dir().map_or(0, Iterator::count)
    }

    /// Whether a backup of this name is there.
    pub(super) fn has_backup(&self, key: &str) -> bool {
        self.backups.path().join(key).is_file()
    }
}
