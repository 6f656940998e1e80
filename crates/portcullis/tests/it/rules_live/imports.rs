//! Groups that are there already.

use portcullis_testkit::World;

use super::shop::run_in;

#[test]
fn a_live_group_becomes_a_file_and_then_a_stack() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let vpc = world.vpc("10.9.0.0/16");
    let (group, peer) = (world.group(&vpc, "web tier"), world.group(&vpc, "db"));
    world.authorise(&group, "ingress tcp 443 0.0.0.0/0", "web");
    world.authorise(&group, "ingress tcp 5432 2001:db8::/32", "");
    world.authorise(&group, &format!("ingress tcp 22 {peer}"), "jump host");
    let before = world.rules(&group);
    let rules = |args: &[&str], code: i32| {
        let ran = run_in(&world, folder.path(), args);
        assert_eq!(ran.code, code, "{args:?} {}", ran.all());
        ran.all()
    };
    rules(&["import", "nobody"], 2);
    rules(&["import", &group], 0);
    let file = std::fs::read_to_string(folder.path().join("rules.pysec")).unwrap();
    assert!(file.contains("0.0.0.0/0:443^tcp") && file.contains("[2001:db8::/32]:5432^tcp"), "{file}");
    assert!(file.contains(&format!("{peer}:22^tcp")) && file.contains("# jump host"), "{file}");
    assert!(!file.contains("egress"), "{file}");
    rules(&["import", &group], 2);
    rules(&["import", "web tier", "--force"], 0);

    // It belongs to no stack yet, so that a commit would make another group of its name.
    rules(&["stage", "--allow-findings"], 0);
    let refused = rules(&["commit", "--yes"], 2);
    assert!(refused.contains("--into-stack"), "{refused}");
    rules(&["import", &group, "--force", "--into-stack"], 2);
    rules(&["import", &group, "--force", "--into-stack", "--yes"], 0);
    assert_eq!(world.rules(&group), before);
    rules(&["status", "--live", "--exit-code"], 0);

    let path = folder.path().join("rules.pysec");
    std::fs::write(&path, file.replace("0.0.0.0/0:443^tcp", "10.0.0.0/8:443^tcp")).unwrap();
    rules(&["stage"], 0);
    rules(&["commit", "--yes"], 0);
    assert!(world.shapes(&group).contains(&"ingress tcp 443 10.0.0.0/8".to_owned()));
    rules(&["destroy", "--yes"], 0);
    assert!(!world.groups().contains(&group));
}

#[test]
fn several_groups_have_folders_of_their_own() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let vpc = world.vpc("10.9.0.0/16");
    let groups = ["web", "db"].map(|name| world.group(&vpc, name));
    world.authorise(&groups[1], "ingress tcp 5432 10.0.0.0/8", "");
    let ran = run_in(&world, folder.path(), &["import", &groups[0], "db"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let file = std::fs::read_to_string(folder.path().join("db/rules.pysec")).unwrap();
    assert_eq!(file, "10.0.0.0/8:5432^tcp\n");
    let live = run_in(&world, folder.path(), &["status", "--live", "--recursive"]);
    assert_eq!(live.code, 0, "{}", live.all());
}

#[test]
fn a_group_of_another_stack_stays_there() {
    let shop = super::Shop::committed("10.0.0.0/8:22^tcp\n");
    let folder = tempfile::tempdir().unwrap();
    let ran = run_in(&shop.world, folder.path(), &["import", &shop.group()]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let named = run_in(&shop.world, folder.path(), &["configure", "--stack", "another"]);
    assert_eq!(named.code, 0, "{}", named.all());
    let refused = run_in(&shop.world, folder.path(), &["import", &shop.group(), "--force", "--into-stack", "--yes"]);
    assert_eq!(refused.code, 2, "{}", refused.all());
    assert!(refused.stderr.contains(&shop.stack()), "{}", refused.stderr);
}
