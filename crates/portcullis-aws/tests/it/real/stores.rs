#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use aws_sdk_ssm::types::ParameterType;
use jiff::Timestamp;
use portcullis_cloud::api::{Conditional, Datum, Item, Metric, Notice, Put};
use portcullis_cloud::error::Kind;

use super::world::{REGION, World};

/// A bucket of one's own: names are shared by all accounts.
async fn bucket(world: &World) -> String {
    let name = format!("backups-{}", world.account);
    let place = CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::from(REGION));
    let config = aws_sdk_s3::config::Builder::from(&world.sdk).force_path_style(true).build();
    let request = aws_sdk_s3::Client::from_conf(config).create_bucket().bucket(&name);
    request.create_bucket_configuration(place.build()).send().await.unwrap();
    name
}

#[tokio::test]
async fn objects_are_put_once_replaced_on_condition_and_read_if_new() {
    let world = World::new().await;
    let bucket = bucket(&world).await;
    let s3 = world.cloud.objects().await.unwrap();
    let new = Put { only_new: true, content_type: "application/json", ..Put::default() };
    let etag = s3.put(&bucket, "a/1.json", b"{}".to_vec(), &new).await.unwrap();
    let second = s3.put(&bucket, "a/1.json", b"[]".to_vec(), &new).await.unwrap_err();
    assert_eq!(second.kind, Kind::Condition, "{second}");

    let read = s3.get(&bucket, "a/1.json", None).await.unwrap().unwrap();
    assert_eq!((read.bytes.as_slice(), &read.etag), (b"{}".as_slice(), &etag));
    assert_eq!(s3.get(&bucket, "a/1.json", Some(&etag)).await.unwrap(), None);

    let mine = Put { only_if: Some(&etag), content_type: "application/json", ..Put::default() };
    let newer = s3.put(&bucket, "a/1.json", b"[1]".to_vec(), &mine).await.unwrap();
    assert_ne!(newer, etag);
    let late = s3.put(&bucket, "a/1.json", b"[2]".to_vec(), &mine).await.unwrap_err();
    assert_eq!(late.kind, Kind::Condition, "{late}");
    assert_eq!(s3.get(&bucket, "a/1.json", Some(&etag)).await.unwrap().unwrap().bytes, b"[1]");

    s3.delete(&bucket, "a/1.json").await.unwrap();
    let gone = s3.get(&bucket, "a/1.json", None).await.unwrap_err();
    assert_eq!((gone.kind, gone.code.as_str()), (Kind::NotFound, "NoSuchKey"));
    assert!(gone.message.contains(&format!("`s3://{bucket}/a/1.json`")), "{gone}");
    let nowhere = s3.put("no-such-bucket-here", "k", Vec::new(), &Put::default()).await.unwrap_err();
    assert_eq!((nowhere.kind, nowhere.code.as_str()), (Kind::NotFound, "NoSuchBucket"));
}

#[tokio::test]
async fn objects_are_encrypted_with_the_key_that_is_given() {
    let world = World::new().await;
    let bucket = bucket(&world).await;
    let how = Put { kms_key: Some("alias/backups"), content_type: "text/plain", ..Put::default() };
    world.cloud.objects().await.unwrap().put(&bucket, "k", b"x".to_vec(), &how).await.unwrap();
    let config = aws_sdk_s3::config::Builder::from(&world.sdk).force_path_style(true).build();
    let head = aws_sdk_s3::Client::from_conf(config).head_object().bucket(&bucket).key("k").send().await.unwrap();
    assert_eq!(head.server_side_encryption.unwrap().as_str(), "aws:kms");
    assert_eq!(
        (head.ssekms_key_id.as_deref(), head.content_type.as_deref()),
        (Some("alias/backups"), Some("text/plain"))
    );
}

#[tokio::test]
async fn lists_of_objects_are_read_page_by_page() {
    let world = World::new().await;
    let bucket = bucket(&world).await;
    let s3 = world.cloud.objects().await.unwrap();
    let how = Put { content_type: "text/plain", ..Put::default() };
    let total = 1003;
    let mut puts = tokio::task::JoinSet::new();
    for n in 0..total {
        let (s3, bucket, how) = (s3.clone(), bucket.clone(), how.clone());
        puts.spawn(async move { s3.put(&bucket, &format!("run/{n:04}"), Vec::new(), &how).await.unwrap() });
    }
    puts.join_all().await;
    s3.put(&bucket, "elsewhere", Vec::new(), &how).await.unwrap();
    let first = s3.list(&bucket, "run/", None).await.unwrap();
    assert_eq!(first.items.len(), 1000);
    let second = s3.list(&bucket, "run/", first.next).await.unwrap();
    assert_eq!(second.items, ["run/1000", "run/1001", "run/1002"]);
    assert_eq!(second.next, None);
}

#[tokio::test]
async fn parameters_come_decrypted_with_their_version() {
    let world = World::new().await;
    let request = aws_sdk_ssm::Client::new(&world.sdk).put_parameter().name("/policy").value("version: '1'");
    request.r#type(ParameterType::SecureString).send().await.unwrap();
    let ssm = world.cloud.parameters(None).await.unwrap();
    let object = ssm.get("/policy").await.unwrap();
    assert_eq!((object.bytes.as_slice(), object.etag.as_str()), (b"version: '1'".as_slice(), "1"));
    let missing = ssm.get("/nothing").await.unwrap_err();
    assert_eq!((missing.kind, missing.code.as_str()), (Kind::NotFound, "ParameterNotFound"));
}

#[tokio::test]
async fn notices_and_metrics_go_out() {
    let world = World::new().await;
    let topic = aws_sdk_sns::Client::new(&world.sdk).create_topic().name("security").send().await.unwrap();
    let notice = Notice {
        subject: "a group is open".to_owned(),
        text: "sg-1 admits the internet".to_owned(),
        json: r#"{"group_id":"sg-1"}"#.to_owned(),
        attributes: BTreeMap::from([("severity".to_owned(), "high".to_owned())]),
    };
    let sns = world.cloud.topics(REGION).await.unwrap();
    assert!(!sns.publish(&topic.topic_arn.unwrap(), &notice).await.unwrap().is_empty());
    let nowhere = format!("arn:aws:sns:{REGION}:{}:none", world.account);
    let missing = sns.publish(&nowhere, &notice).await.unwrap_err();
    assert_eq!((missing.kind, missing.call), (Kind::NotFound, "sns:Publish"));

    let metric = Metric {
        name: "ViolationCount".to_owned(),
        value: 3.0,
        unit: "Count",
        dimensions: vec![("Severity".to_owned(), "high".to_owned())],
        at: Timestamp::now(),
    };
    world.cloud.metrics(None).await.unwrap().put("SecurityGroup/Compliance", &[metric]).await.unwrap();
    let listed = aws_sdk_cloudwatch::Client::new(&world.sdk).list_metrics().send().await.unwrap();
    let metric = listed.metrics.unwrap_or_default().into_iter().next().unwrap();
    assert_eq!(metric.namespace.as_deref(), Some("SecurityGroup/Compliance"));
    assert_eq!(metric.metric_name.as_deref(), Some("ViolationCount"));
}

#[tokio::test]
async fn items_are_written_on_condition_and_listed_by_prefix() {
    let world = World::new().await;
    let key = KeySchemaElement::builder().attribute_name("pk").key_type(KeyType::Hash).build().unwrap();
    let kind = AttributeDefinition::builder().attribute_name("pk").attribute_type(ScalarAttributeType::S).build();
    let request = aws_sdk_dynamodb::Client::new(&world.sdk).create_table().table_name("state").key_schema(key);
    let request = request.attribute_definitions(kind.unwrap()).billing_mode(BillingMode::PayPerRequest);
    request.send().await.unwrap();

    let table = world.cloud.table("state", None).await.unwrap();
    let item = |key: &str, version: i64| {
        Item::from([("pk".to_owned(), Datum::Text(key.to_owned())), ("version".to_owned(), Datum::Number(version))])
    };
    table.put(&item("seen/1", 1), &Conditional::New).await.unwrap();
    let twice = table.put(&item("seen/1", 1), &Conditional::New).await.unwrap_err();
    assert_eq!((twice.kind, twice.code.as_str()), (Kind::Condition, "ConditionalCheckFailedException"));
    table.put(&item("seen/1", 2), &Conditional::Version(1)).await.unwrap();
    let late = table.put(&item("seen/1", 2), &Conditional::Version(1)).await.unwrap_err();
    assert_eq!(late.kind, Kind::Condition);
    table.put(&item("lock", 1), &Conditional::Always).await.unwrap();

    assert_eq!(table.get("seen/1").await.unwrap(), Some(item("seen/1", 2)));
    assert_eq!(table.get("seen/2").await.unwrap(), None);
    assert_eq!(table.scan("seen/", None).await.unwrap().items, [item("seen/1", 2)]);
    assert_eq!(table.scan("", None).await.unwrap().items.len(), 2);
    table.delete("seen/1").await.unwrap();
    assert_eq!(table.get("seen/1").await.unwrap(), None);
    let missing = world.cloud.table("none", None).await.unwrap().get("x").await.unwrap_err();
    assert_eq!(missing.kind, Kind::NotFound);
}
