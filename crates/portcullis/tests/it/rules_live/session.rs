//! The shell session of `docs/rules.md`, as it is printed.

use std::path::Path;
use std::process::Command;

use portcullis_testkit::World;

use super::shop::{command, ended, logged};
use crate::harness::root;

/// A text with ids of its own in the place of those of this run.
fn neutral(text: &str, world: &World, vpc: &str) -> String {
    let text = text.replace(world.account(), "123456789123").replace(vpc.trim_start_matches("vpc-"), "12345678");
    let text = with_ids(&text, "MySecurityGroup-12345678/", 36, "0ef530a0-e74a-14e7-9c17-50d5ca789eae");
    with_ids(&text, "sg-", 17, "0123456789abcdef0")
}

/// What follows a word, so many characters of it, replaced by the same every time.
fn with_ids(text: &str, word: &str, length: usize, id: &str) -> String {
    let mut parts = text.split(word);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(word);
        out.push_str(id);
        out.push_str(part.get(length..).unwrap_or_default());
    }
    out
}

/// Somebody at a shell, and what the terminal shows.
struct Shell<'a> {
    world: &'a World,
    home: &'a Path,
    vpc: String,
    screen: String,
}

impl Shell<'_> {
    fn run(&mut self, folder: &str, line: &str) {
        let line = line.replace("vpc-12345678", &self.vpc);
        let args: Vec<&str> = line.split(' ').collect();
        self.show(command(&self.home.join(folder), &args), &format!("rules {line}"));
    }

    /// Another command than `rules`.
    fn run_other(&mut self, folder: &str, line: &str) {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("portcullis"));
        command.env_clear().env("NO_COLOR", "1").current_dir(self.home.join(folder)).args(line.split(' '));
        self.show(command, line);
    }

    fn show(&mut self, mut command: Command, line: &str) {
        command.env("HOME", self.home).env("AWS_EC2_METADATA_DISABLED", "true");
        command.env("AWS_SHARED_CREDENTIALS_FILE", self.home.join("credentials"));
        command.env("AWS_ENDPOINT_URL", self.world.endpoint());
        let ran = ended(command);
        assert_eq!(ran.code, 0, "{line} {}", ran.all());
        self.screen.push_str(&format!("$ portcullis {line}\n{}{}\n", ran.stdout, ran.stderr));
    }

    fn type_in(&mut self, line: &str) {
        self.screen.push_str(&format!("$ {line}\n"));
    }
}

#[test]
fn the_documented_session_is_what_happens() {
    let (world, home) = (World::new().at("us-west-2"), tempfile::tempdir().unwrap());
    let env = world.env();
    let profile = format!(
        "[myprofile]\naws_access_key_id = {}\naws_secret_access_key = {}\naws_session_token = {}\n",
        env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env["AWS_SESSION_TOKEN"]
    );
    std::fs::write(home.path().join("credentials"), profile).unwrap();
    let vpc = world.vpc("10.9.0.0/16");
    let mut shell = Shell { world: &world, home: home.path(), vpc: vpc.clone(), screen: String::new() };
    shell.run("", "init --folder-path my-repo");
    shell.type_in("cd my-repo");
    shell.run(
        "my-repo",
        "configure --vpc-id vpc-12345678 --group-name MySecurityGroup --aws-region us-west-2 --aws-profile-name myprofile",
    );
    let file = home.path().join("my-repo/rules.pysec");
    let first = "52.35.22.100/32:80-443^tcp\n52.35.22.101/32:443^udp\n52.35.23.0/32:80^tcp\n";
    std::fs::write(&file, first).unwrap();
    shell.type_in("cat rules.pysec");
    shell.screen.push_str(&format!("{first}\n"));
    shell.run("my-repo", "--use-profile stage");
    shell.run("my-repo", "--use-profile --yes commit");

    // The group comes to be used, and flow logs are kept.
    let filter = [("Filter.1.Name", "group-name"), ("Filter.1.Value.1", "MySecurityGroup")];
    let answer = world.query("ec2", "DescribeSecurityGroups", &filter);
    let group = answer.items("securityGroupInfo").next().unwrap().at("groupId").to_owned();
    const OWN: &str = "10.9.42.101";
    let subnet = world.query("ec2", "CreateSubnet", &[("VpcId", &vpc), ("CidrBlock", "10.9.42.0/24")]);
    let parameters =
        [("SubnetId", subnet.at("subnet/subnetId")), ("SecurityGroupId.1", &group), ("PrivateIpAddress", OWN)];
    let made = world.query("ec2", "CreateNetworkInterface", &parameters);
    let interface = made.at("networkInterface/networkInterfaceId").to_owned();
    let flows = [("52.35.23.0", OWN, 80, 35), ("52.35.22.100", OWN, 443, 19)];
    let last = logged(&world, "myFlowLogs", &interface, &flows);
    let logs = format!("cwl:myFlowLogs:{interface}-all --look-back 1");
    shell.run_other("my-repo", &format!("flows digest --profile myprofile --region us-west-2 {logs}"));
    shell.type_in("sed -i /52.35.23.0/d rules.pysec");
    shell.type_in("echo \"52.33.24.1/32:80^tcp\" >> rules.pysec");
    std::fs::write(&file, "52.35.22.100/32:80-443^tcp\n52.35.22.101/32:443^udp\n52.33.24.1/32:80^tcp\n").unwrap();
    shell.run("my-repo", "status");
    shell.run("my-repo", "--use-profile stage");
    shell.run("my-repo", &format!("--use-profile stage --flows {logs}"));
    shell.run("my-repo", "--use-profile --yes commit");
    world.query("ec2", "DeleteNetworkInterface", &[("NetworkInterfaceId", &interface)]);
    shell.run("my-repo", "--use-profile --yes destroy");
    assert!(file.exists());

    let seen = jiff::Timestamp::from_second(i64::try_from(last).unwrap()).unwrap();
    let seen = seen.strftime("%Y-%m-%d %H:%M").to_string();
    let screen = shell.screen.replace(&seen, "2026-03-01 12:00").replace(&interface, "eni-63e3e655");
    let screen = neutral(&screen, &world, &vpc);
    for promised in [
        "File Path",
        "MD5 Hash (Committed)",
        "MD5 Hash (Current)",
        "Diff?",
        "  True\n",
        "Suggested Change",
        "Security Group",
        "CIDR-IP: 52.33.24.1/32 FROM: 80 TO: 80 PROTOCOL: tcp  MySecurityGroup  ++ addition ++\n",
        "CIDR-IP: 52.35.23.0/32 FROM: 80 TO: 80 PROTOCOL: tcp  MySecurityGroup  -- removal --\n",
        "[INFO] Creating Stack arn:aws:cloudformation:us-west-2:123456789123:stack/",
        "[INFO] Stack created successfully\n",
        "ACCEPT",
        "CHANGE RISK: a commit would cut 1 observed connection (35 records):\n",
        "[INFO] Deleting Stack arn:aws:cloudformation:us-west-2:123456789123:stack/",
        "[INFO] Stack deleted successfully\n",
    ] {
        assert!(screen.contains(promised), "`{promised}` is missing:\n{screen}");
    }
    let docs = std::fs::read_to_string(root().join("docs/rules.md")).unwrap();
    assert!(docs.contains(screen.trim_end()), "docs/rules.md shows another session than this:\n{screen}");
}
