#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use portcullis_aws::real::{Limits, Settings, connect};
use portcullis_cloud::api::{AccountAccess, GroupFilter};
use portcullis_cloud::error::Kind;

use super::world::{REGION, settings};

/// An address where nothing listens: the port was free a moment ago, and is not given out again so soon.
fn closed() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[tokio::test]
async fn an_endpoint_where_nothing_listens_is_unreachable() {
    let cloud = connect(Settings { endpoint_url: Some(closed()), ..settings() }).await.unwrap();
    let error = cloud.caller(&AccountAccess::default()).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unreachable);
    let expected = "sts:GetCallerIdentity failed: no connection: connection refused; \
                    check the network, the proxy and AWS_ENDPOINT_URL";
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn an_endpoint_that_says_nothing_is_unreachable_in_time() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint_url = Some(format!("http://{}", listener.local_addr().unwrap()));
    let limits = Limits { read: Duration::from_millis(50), ..Limits::default() };
    let cloud = connect(Settings { endpoint_url, limits, ..settings() }).await.unwrap();
    let error = cloud.caller(&AccountAccess::default()).await.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (Kind::Unreachable, "no connection within the time allowed"));
}

#[tokio::test]
async fn a_profile_that_does_not_exist_is_named() {
    let profile = Some("no-such-profile".to_owned());
    let cloud = connect(Settings { profile, keys: None, ..settings() }).await.unwrap();
    let error = cloud.caller(&AccountAccess::default()).await.unwrap_err();
    assert_eq!(error.kind, Kind::NoCredentials);
    assert!(error.message.contains("`no-such-profile`"), "{error}");
}

#[tokio::test]
async fn a_group_that_does_not_exist_is_not_found() {
    let cloud = connect(settings()).await.unwrap();
    let ec2 = cloud.ec2(&AccountAccess::default(), REGION).await.unwrap();
    let filter = GroupFilter { ids: vec!["sg-0123456789abcdef0".to_owned()], ..GroupFilter::default() };
    let error = ec2.groups(&filter, None).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (Kind::NotFound, "InvalidGroup.NotFound"));
    assert_eq!(error.call, "ec2:DescribeSecurityGroups");
}
