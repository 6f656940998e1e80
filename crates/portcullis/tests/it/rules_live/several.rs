//! A tree of repositories over accounts, and templates too large for a call.

use portcullis_testkit::{Fault, Proxy, When, World};

use super::Shop;
use super::shop::{command, ended, run_in};

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

/// One set of credentials, and a role in each account, named in the repository.
#[test]
fn two_services_in_two_accounts_are_committed_through_their_roles() {
    let root = tempfile::tempdir().unwrap();
    let (hub, accounts) = (World::new(), [World::new(), World::new()]);
    let proxy = Proxy::start(hub.endpoint());
    let behind = hub.behind(&proxy);
    let rules = |args: &[&str], code: i32| {
        let ran = run_in(&behind, root.path(), args);
        assert_eq!(ran.code, code, "{args:?} {}", ran.all());
        ran.all()
    };
    for (name, world) in ["A", "B"].into_iter().zip(&accounts) {
        let folder = format!("Production/Service-{name}");
        let (vpc, role) = (world.vpc("10.9.0.0/16"), format!("arn:aws:iam::{}:role/rules", world.account()));
        rules(&["init", "--folder-path", &folder], 0);
        let own = ["--vpc-id", &vpc, "--group-name", name, "--region", "eu-west-1", "--role-name", &role];
        rules(&[&["configure", "-C", &folder, "--external-id", "ours"], own.as_slice()].concat(), 0);
        std::fs::write(root.path().join(&folder).join("rules.pysec"), "10.0.0.0/8:443^tcp\n").unwrap();
    }
    rules(&["stage", "--recursive"], 0);
    rules(&["commit", "--recursive", "--yes"], 0);
    let of = |world: &World, name: &str| -> Vec<String> {
        let filter = [("Filter.1.Name", "group-name"), ("Filter.1.Value.1", name)];
        let answer = world.query("ec2", "DescribeSecurityGroups", &filter);
        answer.items("securityGroupInfo").map(|group| group.at("groupId").to_owned()).collect()
    };
    for (name, world, other) in [("A", &accounts[0], &accounts[1]), ("B", &accounts[1], &accounts[0])] {
        assert_eq!((of(world, name).len(), of(other, name).len(), of(&hub, name).len()), (1, 0, 0), "{name}");
    }
    assert!(proxy.count("AssumeRole") >= 4, "{:?}", proxy.calls());

    // Drift in the second account is seen and put right through the same role, rule by rule.
    let group = of(&accounts[1], "B").remove(0);
    accounts[1].authorise(&group, "ingress tcp 22 10.0.0.0/8", "");
    rules(&["status", "--live", "--recursive"], 1);
    let done = rules(&["commit", "--recursive", "--yes"], 0);
    assert!(done.contains("put right") && done.contains("Nothing to commit"), "{done}");
    rules(&["status", "--live", "--recursive"], 0);
    assert!(!accounts[1].shapes(&group).contains(&"ingress tcp 22 10.0.0.0/8".to_owned()));
    rules(&["destroy", "--recursive", "--yes"], 0);
}

#[test]
fn an_account_that_cannot_be_read_does_not_hide_the_others() {
    let root = tempfile::tempdir().unwrap();
    let (hub, account) = (World::new(), World::new());
    let proxy = Proxy::start(hub.endpoint());
    let behind = hub.behind(&proxy);
    let vpc = hub.vpc("10.9.0.0/16");
    let role = format!("arn:aws:iam::{}:role/rules", account.account());
    for (folder, more) in [("a", &["--role-name", role.as_str()][..]), ("b", &[])] {
        assert_eq!(run_in(&behind, root.path(), &["init", "-C", folder]).code, 0);
        let own = ["configure", "-C", folder, "--vpc-id", &vpc, "--group-name", folder, "--region", "eu-west-1"];
        assert_eq!(run_in(&behind, root.path(), &[&own[..], more].concat()).code, 0);
        std::fs::write(root.path().join(folder).join("rules.pysec"), "10.0.0.0/8:443^tcp\n").unwrap();
    }
    proxy.inject(When::action("AssumeRole"), Fault::Denied);
    for args in [["stage", "--recursive"], ["status", "--recursive"]] {
        let live = if args[0] == "status" { &["--live"][..] } else { &[] };
        let ran = run_in(&behind, root.path(), &[&args[..], live].concat());
        assert_eq!(ran.code, 3, "{args:?} {}", ran.all());
        assert!(ran.stderr.contains("error: a: ") && ran.stdout.contains('b'), "{args:?} {}", ran.all());
    }
    let state = |folder: &str| root.path().join(folder).join(".portcullis.state.toml").exists();
    assert_eq!((state("a"), state("b")), (false, true));
}

/// As many as there are repositories, and no more.
#[test]
fn an_unchanged_tree_costs_one_call_a_group() {
    let root = tempfile::tempdir().unwrap();
    let world = World::new();
    let vpc = world.vpc("10.9.0.0/16");
    let rules = |world: &World, args: &[&str]| {
        let ran = run_in(world, root.path(), args);
        assert_eq!(ran.code, 0, "{args:?} {}", ran.all());
    };
    for name in ["a", "b", "c"] {
        rules(&world, &["init", "-C", name]);
        rules(&world, &["configure", "-C", name, "--vpc-id", &vpc, "--group-name", name, "--region", "eu-west-1"]);
        let list = world.prefix_list(name, 2, &["10.1.0.0/16"]);
        std::fs::write(root.path().join(name).join("rules.pysec"), format!("{list}:443^tcp\n")).unwrap();
    }
    rules(&world, &["stage", "--recursive"]);
    rules(&world, &["commit", "--recursive", "--yes"]);
    let proxy = Proxy::start(world.endpoint());
    let behind = world.behind(&proxy);
    for args in [["stage", "--recursive", "--exit-code"], ["status", "--recursive", "--live"]] {
        let before = proxy.calls().len();
        rules(&behind, &args);
        let calls: Vec<String> = proxy.calls().iter().skip(before).map(|call| call.action.clone()).collect();
        assert_eq!(calls, ["DescribeSecurityGroups"; 3], "{args:?}");
    }
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
