//! A repository of rules in a folder of its own, with an account to roll it out to.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use portcullis_testkit::World;
use serde_json::{Value, json};

/// What a run printed and how it ended.
pub(super) struct Ran {
    pub(super) code: i32,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Ran {
    pub(super) fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// A repository with one group, and its account.
pub(super) struct Shop {
    pub(super) world: World,
    pub(super) vpc: String,
    pub(super) folder: tempfile::TempDir,
}

impl Shop {
    /// A repository that is configured and has these rules; nothing is staged.
    pub(super) fn new(rules: &str) -> Self {
        let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
        let vpc = world.vpc("10.9.0.0/16");
        let shop = Self { world, vpc, folder };
        shop.rules(&["init"], 0);
        let vpc = shop.vpc.clone();
        shop.rules(&["configure", "--vpc-id", &vpc, "--group-name", "MySecurityGroup", "--region", "eu-west-1"], 0);
        shop.write(rules);
        shop
    }

    /// One whose rules are committed.
    pub(super) fn committed(rules: &str) -> Self {
        let shop = Self::new(rules);
        shop.rules(&["stage"], 0);
        shop.rules(&["commit", "--yes"], 0);
        shop
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn write(&self, rules: &str) {
        std::fs::write(self.path().join("rules.pysec"), rules).unwrap();
    }

    pub(super) fn read(&self) -> String {
        std::fs::read_to_string(self.path().join("rules.pysec")).unwrap()
    }

    /// `portcullis rules …` in the repository.
    pub(super) fn run(&self, args: &[&str]) -> Ran {
        run_in(&self.world, self.path(), args)
    }

    /// As [`Shop::run`], with what it must exit with.
    pub(super) fn rules(&self, args: &[&str], code: i32) -> String {
        let ran = self.run(args);
        assert_eq!(ran.code, code, "{args:?}\n{}\n{}", ran.stdout, ran.stderr);
        ran.all()
    }

    /// The id of the group, of which there is one.
    pub(super) fn group(&self) -> String {
        let filter = [("Filter.1.Name", "group-name"), ("Filter.1.Value.1", "MySecurityGroup")];
        let answer = self.world.query("ec2", "DescribeSecurityGroups", &filter);
        let ids: Vec<String> = answer.items("securityGroupInfo").map(|group| group.at("groupId").to_owned()).collect();
        assert_eq!(ids.len(), 1, "{ids:?}");
        ids.into_iter().next().unwrap()
    }

    /// The group's inbound rules.
    pub(super) fn ingress(&self) -> Vec<String> {
        let shapes = self.world.shapes(&self.group());
        shapes.into_iter().filter_map(|shape| shape.strip_prefix("ingress ").map(str::to_owned)).collect()
    }

    /// The private address of a network interface.
    pub(super) fn address_of(&self, interface: &str) -> String {
        let answer = self.world.query("ec2", "DescribeNetworkInterfaces", &[("NetworkInterfaceId.1", interface)]);
        answer.items("networkInterfaceSet").next().unwrap().at("privateIpAddress").to_owned()
    }

    pub(super) fn stack(&self) -> String {
        format!("PortcullisSecurityGroup-MySecurityGroup-{}", self.vpc.trim_start_matches("vpc-"))
    }

    /// Whether the repository remembers the files as committed.
    pub(super) fn is_committed(&self) -> bool {
        self.run(&["status", "--exit-code"]).code == 0
    }
}

/// Puts flow log records of an interface into a log group, an hour old: from where, to where and on which port TCP was
/// accepted, and how many records there are of it. Gives the time that the last one ends at, in seconds since 1970.
pub(super) fn logged(world: &World, group: &str, interface: &str, flows: &[(&str, &str, u16, u64)]) -> u64 {
    let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() - 3_600;
    let call = |action: &str, body: &Value| world.json("logs", &format!("Logs_20140328.{action}"), body);
    call("CreateLogGroup", &json!({ "logGroupName": group }));
    let mut stream = json!({ "logGroupName": group, "logStreamName": format!("{interface}-all") });
    call("CreateLogStream", &stream);
    let record = |(from, to, port, count): &(&str, &str, u16, u64)| {
        let line = |number| {
            let (source, end) = (40_000 + number, began + 60);
            format!("2 111122223333 {interface} {from} {to} {source} {port} 6 10 840 {began} {end} ACCEPT OK")
        };
        (0..*count).map(|number| json!({ "timestamp": began * 1000, "message": line(number) })).collect::<Vec<_>>()
    };
    stream["logEvents"] = flows.iter().flat_map(record).collect();
    call("PutLogEvents", &stream);
    began + 60
}

/// `portcullis rules …` in a folder, with a world's credentials.
pub(super) fn run_in(world: &World, folder: &Path, args: &[&str]) -> Ran {
    let mut command = command(folder, args);
    world.lend_to(&mut command);
    ended(command)
}

/// The command, with nothing of the developer's environment.
pub(super) fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("portcullis"));
    command.env_clear().env("NO_COLOR", "1").current_dir(folder).arg("rules").args(args).stdin(Stdio::null());
    command
}

pub(super) fn ended(mut command: Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A copy of a folder, as a colleague's clone of the repository.
pub(super) fn clone_of(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    copy
}
