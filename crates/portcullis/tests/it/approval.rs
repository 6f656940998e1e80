//! Plans that wait on S3 until somebody agrees, carried out from there by the binary.

use std::process::{Command, Stdio};

use portcullis_testkit::World;
use serde_json::{Value, json};

const OPEN: &str = "ingress tcp 22 0.0.0.0/0";

/// A group that everybody may enter by SSH, and the plan that an event left for it on S3.
struct Desk {
    world: World,
    folder: tempfile::TempDir,
    bucket: String,
    group: String,
    /// Where the plan is.
    plan: String,
}

impl Desk {
    fn new() -> Self {
        let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
        let bucket = world.bucket(&format!("audit-{}", world.account()));
        let group = world.group(&world.vpc("10.9.0.0/16"), "web");
        world.authorise(&group, OPEN, "everybody");
        let policy = json!({
            "version": "1", "controls": ["internet-ssh"],
            "compliance_policies": { "compliance_actions": { "remediation_settings": {
                "automatic_remediation": true, "require_manual_approval": true, "grace_period_hours": 0,
            } } },
            "accounts_config": [{ "account_id": world.account(), "enforcement_level": "enforce" }],
        });
        std::fs::write(folder.path().join("policy.json"), policy.to_string()).unwrap();
        let mut desk = Self { world, folder, bucket, group, plan: String::new() };
        desk.plan = desk.asked();
        desk
    }

    /// What an event about the group leaves for somebody to agree to.
    fn asked(&self) -> String {
        let event = json!({
            "detail-type": "AWS API Call via CloudTrail", "source": "aws.ec2",
            "account": self.world.account(), "region": self.world.region(),
            "detail": {
                "eventSource": "ec2.amazonaws.com", "eventName": "AuthorizeSecurityGroupIngress", "eventID": "e1",
                "userIdentity": { "type": "IAMUser", "arn": format!("arn:aws:iam::{}:user/ada", self.world.account()) },
                "requestParameters": { "groupId": self.group },
            },
        });
        std::fs::write(self.folder.path().join("event.json"), event.to_string()).unwrap();
        let handle = ["handle-event", "event.json", "--policy", "policy.json", "--enforce", "--format", "json"];
        let told = self.run(&[&handle, &["--backup", &self.place("kept")][..]].concat(), 1);
        let response: Value = serde_json::from_str(&told).unwrap();
        response["groups"][0]["plan"].as_str().unwrap().to_owned()
    }

    fn place(&self, below: &str) -> String {
        format!("s3://{}/{below}", self.bucket)
    }

    /// Runs the binary to this exit code: what it says on stdout, else on stderr.
    fn run(&self, args: &[&str], code: i32) -> String {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("portcullis"));
        let command = self.world.lend_to(command.env_clear()).current_dir(self.folder.path()).args(args);
        let output = command.stdin(Stdio::null()).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{args:?}\n{out}\n{err}");
        if out.is_empty() { err.into_owned() } else { out.into_owned() }
    }

    fn apply(&self, plan: &str, code: i32) -> String {
        self.run(&["apply", plan, "--yes", "--backup", &self.place("kept")], code)
    }

    fn is_open(&self) -> bool {
        self.world.shapes(&self.group).iter().any(|rule| rule == OPEN)
    }

    fn text(&self) -> Value {
        let key = self.plan.strip_prefix(&self.place("")).unwrap();
        serde_json::from_slice(&self.world.object(&self.bucket, key).unwrap()).unwrap()
    }

    /// Applies this text in the plan's place.
    fn apply_instead(&self, text: &[u8], code: i32) -> String {
        self.world.put_object(&self.bucket, "kept/plans/other.json", text);
        self.apply(&self.place("kept/plans/other.json"), code)
    }
}

#[test]
fn a_plan_that_waits_on_s3_is_carried_out_once_somebody_agrees() {
    let desk = Desk::new();
    assert!(desk.plan.starts_with(&desk.place("kept/plans/plan-")), "{}", desk.plan);
    assert!(desk.is_open(), "nobody has agreed yet");
    assert!(desk.run(&["apply", &desk.plan], 2).contains("--yes"));
    assert!(desk.is_open());

    let backups = format!("kept/{}/{}/{}/", desk.world.account(), desk.world.region(), desk.group);
    // One is of the tags that say what the group violates.
    let before = desk.world.objects(&desk.bucket, &backups).len();
    assert!(desk.apply(&desk.plan, 0).contains("1 changed"));
    assert!(!desk.is_open());
    assert_eq!(desk.world.objects(&desk.bucket, &backups).len(), before + 1);
    assert!(desk.world.objects(&desk.bucket, "kept/lock").is_empty(), "locks are given back");
    assert!(desk.apply(&desk.plan, 0).contains("1 already done"));

    desk.run(&["rollback", &desk.place(&backups), "--yes", "--backup", &desk.place("kept")], 0);
    assert!(desk.is_open());
}

#[test]
fn a_group_that_changed_while_its_plan_waited_is_refused() {
    let desk = Desk::new();
    desk.world.authorise(&desk.group, "ingress tcp 80 0.0.0.0/0", "");
    desk.apply(&desk.plan, 3);
    assert!(desk.is_open());
}

#[test]
fn a_plan_on_s3_that_somebody_wrote_into_is_refused() {
    let desk = Desk::new();
    let plan = desk.text();
    assert!(desk.apply_instead(b"{}", 2).contains("is refused"));
    // Other groups than those that were agreed to, other rules than those of its proof, and nothing of its changes.
    let mut foreign = plan.clone();
    foreign["groups"][0]["group_id"] = json!("sg-0123456789abcdef0");
    let mut wider = plan.clone();
    let all = wider.to_string().replace("10.0.0.0/8", "0.0.0.0/1");
    wider = serde_json::from_str(&all).unwrap();
    let mut bare = plan.clone();
    bare["groups"][0]["changes"] = json!([]);
    for changed in [foreign, wider, bare] {
        assert_ne!(changed, plan);
        let told = desk.apply_instead(changed.to_string().as_bytes(), 2);
        assert!(told.contains("plans/other.json` is refused"), "{told}");
    }
    assert!(desk.is_open());
    assert!(desk.apply_instead(plan.to_string().as_bytes(), 0).contains("1 changed"), "a copy is as good");
}

#[test]
fn a_plan_that_is_not_there_is_said_in_a_sentence() {
    let desk = Desk::new();
    for place in [desk.place("kept/plans/none.json"), "s3://there-is-no-such-bucket/plan.json".to_owned()] {
        let told = desk.apply(&place, 2);
        let sentence = format!("there is no plan `{place}`: name it as the notice that asks for approval does");
        assert!(told.trim_end().ends_with(&sentence), "{told}");
    }
    let told = desk.apply(&format!("s3://{}", desk.bucket), 2);
    assert!(told.contains("names no plan"), "{told}");
    assert!(desk.is_open());
}
