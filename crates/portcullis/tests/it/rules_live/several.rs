//! A tree of repositories over accounts, and templates too large for a call.

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
