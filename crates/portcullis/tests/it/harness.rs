//! Runs the binary in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A folder of its own to run the binary in.
pub(crate) struct Place(tempfile::TempDir);

/// What a run printed and how it ended.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// The binary, with nothing of the developer's own environment that could change what it does.
pub(crate) fn binary() -> assert_cmd::Command {
    let mut command = assert_cmd::Command::new(assert_cmd::cargo::cargo_bin!("portcullis"));
    command.env_clear().env("NO_COLOR", "1").env("COLUMNS", "100");
    command
}

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        binary().current_dir(self.path()).args(args).output().unwrap().into()
    }

    /// Scans as JSON and gives the document; the code must be one of `codes`.
    pub(crate) fn scan(&self, args: &[&str], codes: &[i32]) -> Value {
        let mut all = vec!["scan", "--format", "json"];
        all.extend_from_slice(args);
        let run = self.run(&all);
        assert!(codes.contains(&run.code), "exit {} of {all:?}: {}", run.code, run.stderr);
        serde_json::from_str(&run.stdout).unwrap()
    }
}

/// A group as the AWS CLI prints it, with ingress rules given as `(protocol, from, to, cidr)`.
pub(crate) fn group(id: &str, ingress: &[(&str, i64, i64, &str)]) -> Value {
    let permission = |(protocol, from, to, cidr): &(&str, i64, i64, &str)| {
        let (v4, v6) = if cidr.contains(':') {
            (json!([]), json!([{"CidrIpv6": cidr, "Description": "agreed with the network team"}]))
        } else {
            (json!([{"CidrIp": cidr, "Description": "agreed with the network team"}]), json!([]))
        };
        let mut permission = json!({
            "IpProtocol": protocol, "IpRanges": v4, "Ipv6Ranges": v6, "UserIdGroupPairs": [], "PrefixListIds": []
        });
        if *protocol != "-1" {
            permission["FromPort"] = json!(from);
            permission["ToPort"] = json!(to);
        }
        permission
    };
    json!({
        "GroupId": id, "GroupName": id.trim_start_matches("sg-"), "Description": "web tier of the shop",
        "OwnerId": "111122223333", "VpcId": "vpc-0a1b2c3d4e5f60718",
        "SecurityGroupArn": format!("arn:aws:ec2:us-east-1:111122223333:security-group/{id}"),
        "IpPermissions": ingress.iter().map(permission).collect::<Vec<_>>(), "IpPermissionsEgress": []
    })
}

/// An inventory of such groups.
pub(crate) fn inventory(groups: &[Value]) -> String {
    json!({ "SecurityGroups": groups }).to_string()
}

/// The findings of a result for one control.
pub(crate) fn findings<'a>(result: &'a Value, control: &str) -> Vec<&'a Value> {
    let of = |finding: &&Value| finding["control_id"] == control || finding["rule_id"] == control;
    result["findings"].as_array().unwrap().iter().filter(of).collect()
}
