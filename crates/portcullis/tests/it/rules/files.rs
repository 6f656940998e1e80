//! Making, configuring and formatting repositories, and their status.

use super::{SEED, ok, repository};
use crate::harness::Place;

#[test]
fn a_repository_is_made_and_configured_with_the_options_of_the_seed() {
    let place = repository(SEED);
    let settings = std::fs::read_to_string(place.path().join("my-repo/.portcullis.toml")).unwrap();
    insta::assert_snapshot!(settings, @r#"
    # Settings of a repository of security group rules: `portcullis rules configure` fills them in.
    schema_version = "1"
    vpc_id = "vpc-12345678"
    group_name = "MySecurityGroup"
    region = "us-west-2"
    profile = "myprofile"
    "#);
    assert_eq!(place.run(&["rules", "init", "-C", "my-repo"]).code, 2);
    let again = ["rules", "configure", "-C", "my-repo", "--vpc-id", "vpc-1", "--region", "eu-west-1", "--profile", "p"];
    ok(&place, &again);
    for wrong in [["--vpc-id", "mars"], ["--group-name", "sg-1"], ["--region", "mars"], ["--tag", "x"]] {
        let run = place.run(&[&["rules", "configure", "-C", "my-repo"][..], &wrong].concat());
        assert_eq!(run.code, 2, "{wrong:?}");
        assert!(run.stderr.contains(wrong[1]), "{}", run.stderr);
    }
}

#[test]
fn the_options_of_the_seed_stand_before_the_subcommand_too() {
    let place = repository(SEED);
    for args in [
        ["rules", "--use-profile", "--yes", "--folder-path", "my-repo", "status"],
        ["rules", "status", "--use-profile", "--yes", "-C", "my-repo"],
    ] {
        ok(&place, &args);
    }
}

#[test]
fn status_shows_hashes_as_the_seed_does_and_new_and_removed_files_too() {
    let place = repository(SEED);
    let status = ok(&place, &["rules", "status", "-C", "my-repo"]);
    insta::assert_snapshot!(status.stdout, @r"
    File Path            MD5 Hash (Committed)  MD5 Hash (Current)                Diff?
    -------------------  --------------------  --------------------------------  -----
    my-repo/rules.pysec  (new)                 74436c23e83ffd6c85da48d5d8127071  True
    ");
    assert_eq!(place.run(&["rules", "status", "-C", "my-repo", "--exit-code"]).code, 1);
    // As a commit leaves it, with a file that is gone since.
    place.write(
        "my-repo/.portcullis.state.toml",
        "schema_version = \"1\"\n[committed.files]\n\"rules.pysec\" = \"74436c23e83ffd6c85da48d5d8127071\"\n",
    );
    assert_eq!(place.run(&["rules", "status", "-C", "my-repo", "--exit-code"]).code, 0);
    place.write("my-repo/more.rules", "10.0.0.0/8:22\n");
    std::fs::remove_file(place.path().join("my-repo/rules.pysec")).unwrap();
    let status = ok(&place, &["rules", "status", "-C", "my-repo", "--format", "json"]);
    let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
    let files = status["repositories"][0]["files"].as_array().unwrap();
    let told: Vec<_> =
        files.iter().map(|file| (file["path"].as_str().unwrap(), file["change"].as_str().unwrap())).collect();
    assert_eq!(told, [("more.rules", "new"), ("rules.pysec", "removed")]);
    assert_eq!(status["schema_version"], "1");
}

#[test]
fn a_clone_with_other_line_ends_and_another_path_has_no_difference() {
    let place = repository("10.0.0.0/8:22\n");
    let inventory = super::inventory(&[super::permission("tcp", 22, 22, &["10.0.0.0/8"])]);
    place.write("inventory.json", inventory);
    ok(&place, &["rules", "-C", "my-repo", "stage", "--inventory", "inventory.json"]);
    std::fs::rename(place.path().join("my-repo"), place.path().join("clone")).unwrap();
    let state = std::fs::read_to_string(place.path().join("clone/.portcullis.state.toml")).unwrap();
    assert!(!state.contains("my-repo") && state.contains("rules.pysec"), "{state}");
    place.write("clone/rules.pysec", "10.0.0.0/8:22\r\n");
    ok(&place, &["rules", "-C", "clone", "status"]);
}

#[test]
fn recursive_does_each_repository_of_a_tree() {
    let place = Place::new();
    for service in ["Production/Service-A", "Production/Service-B"] {
        ok(&place, &["rules", "init", "-C", service]);
        ok(&place, &["rules", "configure", "-C", service, "--vpc-id", "vpc-12345678"]);
    }
    let status = ok(&place, &["rules", "status", "--recursive"]);
    assert!(status.stdout.contains("Production/Service-A/rules.pysec"), "{}", status.stdout);
    assert!(status.stdout.contains("Production/Service-B/rules.pysec"), "{}", status.stdout);
    // Without a name the group is called after its folder.
    let settings = std::fs::read_to_string(place.path().join("Production/Service-A/.portcullis.toml")).unwrap();
    assert!(settings.contains("group_name = \"Service-A\""), "{settings}");
    assert_eq!(place.run(&["rules", "status"]).code, 2);
}

#[test]
fn a_repository_of_pysec_is_taken_over() {
    let place = Place::new();
    place.write("my-repo/rules.pysec", SEED);
    place.write(
        "my-repo/.pysec",
        "[pysec-state]\nvpc = vpc-12345678\ngroupname = MySecurityGroup\nstack = arn:aws:cloudformation:us-west-2:123456789123:stack/PysecSecurityGroup-DH447K/0e\n\
         stackname = PysecSecurityGroup-DH447K\nregion = us-west-2\n",
    );
    place.write("my-repo/.hashes", "[hashes]\n/my-repo/rules.pysec = 74436c23e83ffd6c85da48d5d8127071\n");
    let run = place.run(&["rules", "init", "-C", "my-repo"]);
    assert!(run.code == 2 && run.stderr.contains("--from-pysec"), "{}", run.stderr);
    let run = ok(&place, &["rules", "init", "-C", "my-repo", "--from-pysec"]);
    assert!(run.stderr.contains("PysecSecurityGroup-DH447K"), "{}", run.stderr);
    assert_eq!(place.run(&["rules", "status", "-C", "my-repo", "--exit-code"]).code, 0);
}

#[test]
fn formatting_rewrites_files_and_checking_does_not() {
    let place = repository("52.35.23.0/21 : 80 ^TCP   #web\n");
    let check = place.run(&["rules", "fmt", "--check", "-C", "my-repo"]);
    assert_eq!((check.code, check.stdout.as_str()), (1, "my-repo/rules.pysec\n"));
    ok(&place, &["rules", "fmt", "-C", "my-repo"]);
    let text = std::fs::read_to_string(place.path().join("my-repo/rules.pysec")).unwrap();
    assert_eq!(text, "52.35.16.0/21:80^tcp  # web\n");
    ok(&place, &["rules", "fmt", "--check", "my-repo/rules.pysec"]);
    place.write("my-repo/rules.pysec", "10.0.0.0/8\n");
    assert_eq!(place.run(&["rules", "fmt", "-C", "my-repo"]).code, 2);
}
