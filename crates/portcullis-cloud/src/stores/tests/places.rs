//! Where things are kept, as people write it.

use crate::stores::Location;

fn check(text: &str, expected: &str) {
    let said = match text.parse::<Location>() {
        Ok(location) => format!("{location:?}"),
        Err(error) => error.to_string(),
    };
    assert_eq!(said, expected);
}

#[test]
fn places_are_read() {
    check("s3://bucket", r#"S3(S3Location { bucket: "bucket", prefix: "" })"#);
    check("s3://my.bucket-1/a/b c/", r#"S3(S3Location { bucket: "my.bucket-1", prefix: "a/b c" })"#);
    check("ssm:/portcullis/policy", r#"Ssm("/portcullis/policy")"#);
    check("ssm:policy:3", r#"Ssm("policy:3")"#);
    check(
        "ssm:arn:aws:ssm:eu-west-1:111122223333:parameter/p",
        r#"Ssm("arn:aws:ssm:eu-west-1:111122223333:parameter/p")"#,
    );
    check("dynamodb://portcullis-state", r#"DynamoDb("portcullis-state")"#);
}

#[test]
fn what_is_no_place_is_told_with_what_to_write() {
    check(
        "policy.yaml",
        "`policy.yaml` is no place on AWS: write `s3://bucket/prefix`, `ssm:name` or `dynamodb://table`",
    );
    check(
        "s3:/bucket",
        "`s3:/bucket` is no place on AWS: write `s3://bucket/prefix`, `ssm:name` or `dynamodb://table`",
    );
    check("s3:///a", "`s3:///a` names no bucket: write it behind the slashes, as in `s3://bucket/prefix`");
    check("s3://ab", "`s3://ab` names no bucket: a bucket's name has 3 to 63 characters");
    check(
        "s3://Bucket/a",
        "`s3://Bucket/a` names no bucket: a bucket's name has lower-case letters, digits, `.` and `-` only",
    );
    check("s3://bucket-", "`s3://bucket-` names no bucket: a bucket's name begins and ends with a letter or digit");
    check(
        "s3://10.0.0.1/a",
        "`s3://10.0.0.1/a` names no bucket: a bucket's name has no two periods side by side and is no IP address",
    );
    check("s3://bucket/a//b", "`s3://bucket/a//b` has no prefix that can be used: a slash stands beside another");
    check(
        "s3://bucket/../b",
        "`s3://bucket/../b` has no prefix that can be used: `.` and `..` between slashes do not mean on S3 what they mean \
         in a folder",
    );
    check("ssm:", "`ssm:` names no parameter: write its name behind the colon, as in `ssm:/portcullis/policy`");
    check(
        "ssm://p",
        "`ssm://p` names no parameter: its name begins right behind the colon, as in `ssm:/portcullis/policy`",
    );
    check("ssm:a b", "`ssm:a b` names no parameter: a name is at most 1,011 of letters, digits and `_.-/`");
    check(
        "dynamodb://t",
        "`dynamodb://t` names no table: a name is 3 to 255 of letters, digits and `_.-`, as in `dynamodb://portcullis-state`",
    );
}
