//! The shell session of `docs/rules.md`, as it is printed.

use std::path::Path;

use portcullis_testkit::World;

use super::shop::{command, ended};
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
        let mut command = command(&self.home.join(folder), &args);
        command.env("HOME", self.home).env("AWS_EC2_METADATA_DISABLED", "true");
        command.env("AWS_SHARED_CREDENTIALS_FILE", self.home.join("credentials"));
        command.env("AWS_ENDPOINT_URL", self.world.endpoint());
        let ran = ended(command);
        assert_eq!(ran.code, 0, "{line} {}", ran.all());
        self.screen.push_str(&format!("$ portcullis rules {line}\n{}{}\n", ran.stdout, ran.stderr));
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
    shell.type_in("sed -i /52.35.23.0/d rules.pysec");
    shell.type_in("echo \"52.33.24.1/32:80^tcp\" >> rules.pysec");
    std::fs::write(&file, "52.35.22.100/32:80-443^tcp\n52.35.22.101/32:443^udp\n52.33.24.1/32:80^tcp\n").unwrap();
    shell.run("my-repo", "status");
    shell.run("my-repo", "--use-profile stage");
    shell.run("my-repo", "--use-profile --yes commit");
    shell.run("my-repo", "--use-profile --yes destroy");
    assert!(file.exists());

    let screen = neutral(&shell.screen, &world, &vpc);
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
        "[INFO] Deleting Stack arn:aws:cloudformation:us-west-2:123456789123:stack/",
        "[INFO] Stack deleted successfully\n",
    ] {
        assert!(screen.contains(promised), "`{promised}` is missing:\n{screen}");
    }
    let docs = std::fs::read_to_string(root().join("docs/rules.md")).unwrap();
    assert!(docs.contains(screen.trim_end()), "docs/rules.md shows another session than this:\n{screen}");
}
