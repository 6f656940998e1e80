#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use super::*;

fn wrong(text: &str) -> String {
    Settings::parse(SETTINGS_FILE, text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn changes_keep_what_people_wrote() {
    let text = "# ours\nvpc_id = \"vpc-1\" # the shop's\n\n[tags]\nOwner = \"me\"\n";
    let change = SettingsChange {
        vpc_id: Some("vpc-2".to_owned()),
        group_name: Some("web".to_owned()),
        tags: [("Cost Center".to_owned(), "12".to_owned())].into(),
        ..SettingsChange::default()
    };
    let changed = Settings::changed(SETTINGS_FILE, text, &change).unwrap();
    insta::assert_snapshot!(changed, @r#"
    # ours
    vpc_id = "vpc-2" # the shop's
    group_name = "web"

    [tags]
    Owner = "me"
    "Cost Center" = "12"
    "#);
    let settings = Settings::parse(SETTINGS_FILE, changed.as_bytes()).unwrap();
    assert_eq!((settings.vpc_id.as_deref(), settings.group_name.as_deref()), (Some("vpc-2"), Some("web")));
    assert_eq!(settings.tags.len(), 2);
}

#[test]
fn everything_that_aws_would_refuse_is_told_at_once() {
    insta::assert_snapshot!(wrong(
        "vpc_id = \"vpc+1\"\n\
         group_name = \"sg-web\"\n\
         region = \"mars\"\n\
         description = \"it's\"\n\
         stack = \"1-stack\"\n\
         [tags]\n\
         \"aws:mine\" = \"x\"\n"
    ));
}

#[test]
fn a_key_that_nobody_knows_is_an_error_with_its_place() {
    let error = wrong("vpc_id = \"vpc-1\"\nvcp_id = \"vpc-1\"\n");
    assert!(error.contains("vcp_id") && error.contains(":2:1"), "{error}");
}

#[test]
fn text_that_is_no_toml_is_an_error_with_its_place() {
    let error = wrong("vpc_id = \n");
    assert!(error.contains(":1:"), "{error}");
    let error = wrong("<<<<<<< HEAD\nvpc_id = \"vpc-1\"\n=======\n");
    assert!(error.contains("to be merged"), "{error}");
}

#[test]
fn a_newer_file_says_so() {
    let error = wrong("schema_version = \"2\"\nnew_key = 1\n");
    assert!(error.contains("schema_version") && error.contains("update the program"), "{error}");
}

#[test]
fn names_of_stacks_are_names_that_cloudformation_takes() {
    let name = |text: &str| Settings::parse(SETTINGS_FILE, text.as_bytes()).unwrap().stack_name();
    assert_eq!(name("stack = 'PysecSecurityGroup-DH447K'"), "PysecSecurityGroup-DH447K");
    let long =
        name(&format!("vpc_id = 'vpc-0123456789abcdef0'\nstack_prefix = 'shop'\ngroup_name = '{}'", "n".repeat(255)));
    assert_eq!(long.len(), 128);
    assert!(long.starts_with("shop-nnn") && long.ends_with("-0123456789abcdef0"), "{long}");
}
