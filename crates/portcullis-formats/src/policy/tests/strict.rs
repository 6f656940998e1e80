//! Files that are no JSON or no YAML, or more than a policy needs of either.

use super::*;

#[test]
fn a_truncated_file_says_so() {
    insta::assert_snapshot!(errors_of("p.json", "{\n\t\"version\": \"1\",\n\t\"compliance_policies\": {"), @r#"
    error: the file ends too early: a key in quotes is expected
     --> p.json:3:26
      |
    3 |     "compliance_policies": {
      |                             ^
      |
      = help: is the file complete
    "#);
    insta::assert_snapshot!(errors_of("p.json", "{ \"version\": \"1"), @r#"
    error: this string does not end
     --> p.json:1:14
      |
    1 | { "version": "1
      |              ^^
      |
      = help: is the file complete
    "#);
    insta::assert_snapshot!(errors_of("p.yaml", "version: 1\ncompliance_policies: {prohibited_rules: ["), @"
    error: this is no YAML: while parsing a node, did not find expected node content
     --> p.yaml:2:42
      |
    2 | compliance_policies: {prohibited_rules: [
      |                                          ^
    ");
}

#[test]
fn an_empty_file_says_so() {
    insta::assert_snapshot!(errors_of("p.json", " \n"), @"
    error: the file is empty
     --> p.json:1:1
      |
    1 |  
      | ^
    ");
    insta::assert_snapshot!(errors_of("p.yaml", "# nothing\n"), @"
    error: the file is empty
     --> p.yaml:1:1
      |
    1 | # nothing
      | ^
    ");
}

#[test]
fn json_takes_no_trailing_commas_and_no_comments() {
    insta::assert_snapshot!(errors_of("p.json", "{\"version\": \"1\", \"compliance_policies\": {},}"), @r#"
    error: a comma stands before the closing `}`
     --> p.json:1:43
      |
    1 | {"version": "1", "compliance_policies": {},}
      |                                           ^
      |
      = help: JSON allows none after the last entry
    "#);
    insta::assert_snapshot!(errors_of("p.json", "{\n  // a remark\n  \"version\": \"1\"\n}"), @"
    error: `/` stands where a key in quotes is expected
     --> p.json:2:3
      |
    2 |   // a remark
      |   ^
      |
      = help: JSON has no comments; a policy in YAML may have them
    ");
    insta::assert_snapshot!(errors_of("p.json", "{'version': '1'}"), @"
    error: `'` stands where a key in quotes is expected
     --> p.json:1:2
      |
    1 | {'version': '1'}
      |  ^
      |
      = help: JSON takes double quotes only
    ");
    insta::assert_snapshot!(errors_of("p.json", "{\"version\": 01}"), @r#"
    error: `01` is no number that JSON knows
     --> p.json:1:13
      |
    1 | {"version": 01}
      |             ^^
    "#);
    insta::assert_snapshot!(errors_of("p.json", "{\"version\": NaN}"), @r#"
    error: `NaN` stands where a value is expected
     --> p.json:1:13
      |
    1 | {"version": NaN}
      |             ^^^
    "#);
    insta::assert_snapshot!(errors_of("p.json", "{\"version\": \"a\nb\"}"), @r#"
    error: a string holds a control character or a line break
     --> p.json:1:13
      |
    1 | {"version": "a
      |             ^^
      |
      = help: write it as `\n` or `\u00…`
    "#);
    insta::assert_snapshot!(errors_of("p.json", "{\"version\": \"\\x41\"}"), @r#"
    error: this string holds an escape that JSON does not know
     --> p.json:1:13
      |
    1 | {"version": "\x41"}
      |             ^^^^^^
    "#);
    insta::assert_snapshot!(errors_of("p.json", "{\"version\": \"1\", \"compliance_policies\": {}} {}"), @r#"
    error: `{` stands where the end of the file is expected
     --> p.json:1:45
      |
    1 | {"version": "1", "compliance_policies": {}} {}
      |                                             ^
    "#);
}

#[test]
fn a_key_that_stands_twice_is_an_error_in_both_forms() {
    insta::assert_snapshot!(errors_of("p.json", "{\"version\": \"1\", \"version\": \"2\", \"compliance_policies\": {}}"), @r#"
    error: `version` stands twice in this object
     --> p.json:1:18
      |
    1 | {"version": "1", "version": "2", "compliance_policies": {}}
      |  ---------       ^^^^^^^^^
      |  |
      |  first here
    "#);
    insta::assert_snapshot!(errors_of("p.yaml", "version: 1\ncompliance_policies: {}\nversion: 2\n"), @"
    error: `version` stands twice in this object
     --> p.yaml:3:1
      |
    1 | version: 1
      | ------- first here
    2 | compliance_policies: {}
    3 | version: 2
      | ^^^^^^^
    ");
}

#[test]
fn deep_nesting_is_an_error_and_no_stack_overflow() {
    let deep = format!("{{\"version\": {}", "[".repeat(1_000_000));
    insta::assert_snapshot!(errors_of("p.json", &deep), @"
    error: lists and objects lie more than 64 deep in each other
    --> p.json:1:76
    ");
    let deep = format!("version:\n  {}1\n", "- ".repeat(100_000));
    insta::assert_snapshot!(errors_of("p.yaml", &deep).lines().next().unwrap(), @"error: lists and objects lie more than 64 deep in each other");
    let deep = format!("version: {}", "[".repeat(100_000));
    insta::assert_snapshot!(errors_of("p.yaml", &deep).lines().next().unwrap(), @"error: this is no YAML: recursion limit exceeded");
}

#[test]
fn yaml_that_could_grow_or_hide_is_refused() {
    insta::assert_snapshot!(errors_of("p.yaml", "version: &v 1\nlast_updated: *v\ncompliance_policies: {}\n"), @"
    error: a policy has no aliases
     --> p.yaml:2:15
      |
    2 | last_updated: *v
      |               ^^
      |
      = help: write the value out in each place
    ");
    insta::assert_snapshot!(errors_of("p.yaml", "version: 1\ncompliance_policies: {}\n---\nversion: 2\n"), @"
    error: a second document begins here
     --> p.yaml:3:1
      |
    3 | ---
      | ^^^
      |
      = help: a policy is one document
    ");
    insta::assert_snapshot!(errors_of("p.yaml", "version: !!binary aGk=\ncompliance_policies: {}\n"), @"
    error: a policy has no tags such as `tag:yaml.org,2002:!binary`
     --> p.yaml:1:10
      |
    1 | version: !!binary aGk=
      |          ^^^^^^^^^^^^^
      |
      = help: quotes make a text of anything
    ");
    insta::assert_snapshot!(errors_of("p.yaml", "version: 1\ncompliance_policies: {}\n\0controls: [x]\n"), @r#"
    error: YAML allows no control character such as `\u{0}`
     --> p.yaml:3:1
      |
    3 | ␀controls: [x]
      | ^
    "#);
    insta::assert_snapshot!(errors_of("p.yaml", "? [a]\n: 1\n"), @"
    error: a key is a word, not a list or an object
     --> p.yaml:1:3
      |
    1 | ? [a]
      |   ^
    ");
    insta::assert_snapshot!(errors_of("p.yaml", "version: 1\n\tcompliance_policies: {}\n"), @"
    error: this is no YAML: while scanning a plain scalar, found a tab
     --> p.yaml:1:10
      |
    1 | version: 1
      |          ^
    ");
}

#[test]
fn a_byte_order_mark_tabs_and_carriage_returns_are_nothing() {
    let json = "\u{feff}{\r\n\t\"version\": \"1\",\r\n\t\"compliance_policies\": {}\r\n}\r\n";
    let yaml = "\u{feff}# a remark\r\nversion: '1'\r\ncompliance_policies: {}\r\n";
    for text in [json, yaml] {
        let policy = Policy::parse("stdin", text.as_bytes()).unwrap();
        assert_eq!(policy.document.version.0, "1");
    }
}

#[test]
fn places_are_right_behind_a_byte_order_mark_and_in_any_script() {
    let text = "\u{feff}version: 1\r\ndescription: Größe 大 # é\r\ncompliance_policies: {}\r\nmetadata: 大\r\n";
    insta::assert_snapshot!(errors_of("p.yaml", text), @"
    error: the text `大` stands where an object is expected
     --> p.yaml:4:11
      |
    4 | metadata: 大␍
      |           ^^
    ");
}

#[test]
fn three_gigabytes_are_refused_before_they_are_read() {
    // Seventeen megabytes of zeros stand for them: the length alone decides.
    insta::assert_snapshot!(Policy::parse("p.json", &vec![0; 17 << 20]).unwrap_err(), @"
    error: the file is too large: 17825792 bytes, at most 16 MiB are read
     --> p.json:1:1
      |
    1 |
      | ^
    ");
    insta::assert_snapshot!(errors_of("p.json", "\0\0\0"), @r#"
    error: `\u{0}` stands where a value is expected
     --> p.json:1:1
      |
    1 | ␀␀␀
      | ^
    "#);
}

#[test]
fn utf16_is_named() {
    insta::assert_snapshot!(Policy::parse("p.json", &[0xff, 0xfe, b'{', 0]).unwrap_err(), @"
    error: the file is UTF-16: save it as UTF-8
     --> p.json:1:1
      |
    1 |
      | ^
    ");
}
