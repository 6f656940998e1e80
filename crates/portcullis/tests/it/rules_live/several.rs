//! A tree of repositories over accounts, the seed's shell session, and templates too large for a call.

use portcullis_testkit::World;

use super::Shop;
use super::shop::{command, ended};

#[test]
fn two_services_in_two_accounts_are_committed_by_one_run() {
    let root = tempfile::tempdir().unwrap();
    let worlds = [World::new(), World::new()];
    let mut credentials = String::new();
    for (name, world) in ["a", "b"].into_iter().zip(&worlds) {
        let env = world.env();
        credentials.push_str(&format!(
            "[service-{name}]\naws_access_key_id = {}\naws_secret_access_key = {}\naws_session_token = {}\n",
            env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env["AWS_SESSION_TOKEN"]
        ));
    }
    std::fs::write(root.path().join("credentials"), credentials).unwrap();
    let run = |args: &[&str], code: i32| {
        let mut command = command(root.path(), args);
        command.env("HOME", root.path()).env("AWS_EC2_METADATA_DISABLED", "true");
        command.env("AWS_SHARED_CREDENTIALS_FILE", root.path().join("credentials"));
        command.env("AWS_ENDPOINT_URL", worlds[0].endpoint());
        let ran = ended(command);
        assert_eq!(ran.code, code, "{args:?} {}", ran.all());
        ran.all()
    };
    let vpcs = worlds.each_ref().map(|world| world.vpc("10.9.0.0/16"));
    for (name, vpc) in ["a", "b"].into_iter().zip(&vpcs) {
        let folder = format!("Production/Service-{}", name.to_uppercase());
        std::fs::create_dir_all(root.path().join(&folder)).unwrap();
        run(&["init", "--folder-path", &folder], 0);
        let (group, profile) = (format!("Service{name}"), format!("service-{name}"));
        let own =
            ["--vpc-id", vpc, "--group-name", &group, "--aws-region", "eu-west-1", "--aws-profile-name", &profile];
        run(&[&["configure", "--folder-path", &folder], own.as_slice()].concat(), 0);
        std::fs::write(root.path().join(&folder).join("rules.pysec"), format!("10.0.0.0/8:{}^tcp\n", 440 + name.len()))
            .unwrap();
    }
    run(&["--use-profile", "stage", "--recursive"], 0);
    run(&["--use-profile", "--yes", "commit", "--recursive"], 0);
    run(&["--use-profile", "status", "--live", "--recursive", "--exit-code"], 0);
    for (name, world) in ["Servicea", "Serviceb"].into_iter().zip(&worlds) {
        let answer = world.query(
            "ec2",
            "DescribeSecurityGroups",
            &[("Filter.1.Name", "group-name"), ("Filter.1.Value.1", name)],
        );
        assert_eq!(answer.items("securityGroupInfo").count(), 1, "{name}");
    }
    run(&["--use-profile", "--yes", "destroy", "--recursive"], 0);
}

#[test]
fn the_seed_s_shell_session() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let vpc = world.vpc("10.9.0.0/16");
    let env = world.env();
    let profile = format!(
        "[myprofile]\naws_access_key_id = {}\naws_secret_access_key = {}\naws_session_token = {}\n",
        env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env["AWS_SESSION_TOKEN"]
    );
    std::fs::write(folder.path().join("credentials"), profile).unwrap();
    let run = |args: &[&str]| {
        let mut command = command(folder.path(), args);
        command.env("HOME", folder.path()).env("AWS_EC2_METADATA_DISABLED", "true");
        command.env("AWS_SHARED_CREDENTIALS_FILE", folder.path().join("credentials"));
        command.env("AWS_ENDPOINT_URL", world.endpoint());
        let ran = ended(command);
        assert_eq!(ran.code, 0, "{args:?} {}", ran.all());
        ran
    };
    run(&["init", "--folder-path", "my-repo"]);
    let place = ["configure", "--folder-path", "my-repo", "--vpc-id", &vpc, "--group-name", "MySecurityGroup"];
    run(&[place.as_slice(), &["--aws-region", "us-west-2", "--aws-profile-name", "myprofile"]].concat());
    let west = world.at("us-west-2");
    let vpc = west.vpc("10.9.0.0/16");
    run(&["configure", "-C", "my-repo", "--vpc-id", &vpc]);
    let rules = "52.35.22.100/32:80-443^tcp\n52.35.22.101/32:443^udp\n52.35.23.0/32:80^tcp\n";
    let file = folder.path().join("my-repo/rules.pysec");
    std::fs::write(&file, rules).unwrap();
    run(&["-C", "my-repo", "--use-profile", "stage"]);
    run(&["-C", "my-repo", "--use-profile", "--yes", "commit"]);

    std::fs::write(&file, rules.replace("52.35.23.0/32:80^tcp\n", "52.33.24.1/32:80^tcp\n")).unwrap();
    let status = run(&["-C", "my-repo", "status"]).stdout;
    let heads = status.lines().next().unwrap();
    for head in ["File Path", "MD5 Hash (Committed)", "MD5 Hash (Current)", "Diff?"] {
        assert!(heads.contains(head), "{status}");
    }
    assert!(status.lines().nth(2).unwrap().ends_with("True"), "{status}");
    let stage = run(&["-C", "my-repo", "--use-profile", "stage"]).stdout;
    let rows: Vec<&str> = stage.lines().skip(2).map(str::trim_start).collect();
    let row = |number: u8, peer: &str, action: &str| {
        let words = format!("CIDR-IP: {peer} FROM: 80 TO: 80 PROTOCOL: tcp");
        let own = rows.iter().find(|row| row.starts_with(&format!("{number}  {words}  MySecurityGroup")));
        assert!(own.is_some_and(|row| row.ends_with(action)), "{stage}");
    };
    row(1, "52.33.24.1/32", "++ addition ++");
    row(2, "52.35.23.0/32", "-- removal --");
    let commit = run(&["-C", "my-repo", "--use-profile", "--yes", "commit"]);
    let stack = format!("[INFO] Updating Stack arn:aws:cloudformation:us-west-2:{}:stack/", world.account());
    assert!(
        commit.stderr.contains(&stack) && commit.stderr.contains("[INFO] Stack updated successfully"),
        "{}",
        commit.stderr
    );
    let destroy = run(&["-C", "my-repo", "--use-profile", "--yes", "destroy"]);
    assert!(destroy.stderr.contains("[INFO] Deleting Stack arn:aws:cloudformation:us-west-2:"), "{}", destroy.stderr);
    assert!(destroy.stderr.contains("[INFO] Stack deleted successfully"), "{}", destroy.stderr);
    assert!(file.exists());
}

#[test]
fn a_template_that_is_too_large_for_a_call_goes_through_s3() {
    // Sixty rules with long descriptions, in each direction and family.
    let text = "x".repeat(200);
    let line = |n: usize| {
        format!(
            "10.0.{n}.0/24:22^tcp # {text}\n[2001:db8:{n:x}::/48]:22^tcp # {text}\negress 10.0.{n}.0/24:22^tcp # {text}\n"
        )
    };
    let shop = Shop::new(&(0..60).map(line).collect::<String>());
    shop.rules(&["stage"], 0);
    let refused = shop.rules(&["commit", "--yes"], 2);
    assert!(refused.contains("--bucket"), "{refused}");
    let bucket = shop.world.bucket("templates");
    shop.rules(&["commit", "--yes", "--bucket", &format!("s3://{bucket}/rules")], 0);
    assert_eq!(shop.world.rules(&shop.group()).len(), 180);
    assert_eq!(shop.world.objects(&bucket, "rules/").len(), 1);
}
