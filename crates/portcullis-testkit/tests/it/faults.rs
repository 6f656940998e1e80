//! The proxy: each fault befalls the calls that it is meant for, in the service's own words, and every call is written down.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use portcullis_testkit::{Fault, Proxy, When, World};

use crate::client::{exchange, form, post};

const VPCS: &str = "Action=DescribeVpcs&Version=2016-11-15";
const WHO: &str = "Action=GetCallerIdentity&Version=2011-06-15";

/// A world, a proxy in front of the server, and the world as seen through it.
fn set_up() -> (World, Proxy, World) {
    let world = World::new();
    let proxy = Proxy::start(world.endpoint());
    let behind = world.behind(&proxy);
    (world, proxy, behind)
}

fn status(world: &World, service: &str, body: &str) -> u16 {
    form(world, service, body).map_or(0, |(status, _)| status)
}

fn parameter(world: &World) -> Result<(u16, String), String> {
    let headers = "Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: AmazonSSM.DescribeParameters\r\n";
    post(world, "ssm", headers, "{}")
}

#[test]
fn calls_pass_through_and_are_written_down() {
    let (world, proxy, behind) = set_up();
    assert_eq!(status(&behind, "ec2", VPCS), 200);
    assert_eq!(
        status(&behind.at("us-east-1"), "ec2", "Action=CreateVpc&Version=2016-11-15&CidrBlock=10.0.0.0%2F16"),
        200
    );
    let calls = proxy.calls();
    let told =
        |i: usize| (calls[i].service.as_str(), calls[i].action.as_str(), calls[i].region.as_str(), calls[i].status);
    assert_eq!(calls.len(), 2);
    assert_eq!(told(0), ("ec2", "DescribeVpcs", "eu-west-1", 200));
    assert_eq!(told(1), ("ec2", "CreateVpc", "us-east-1", 200));
    assert!(calls.iter().all(|c| c.account == world.account() && !c.took.is_zero()), "{calls:?}");
    let changes = proxy.changes();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].parameter("CidrBlock").as_deref(), Some("10.0.0.0/16"));
}

#[test]
fn a_refusal_comes_in_the_words_of_the_service() {
    let (_, proxy, behind) = set_up();
    let s3 = |world: &World| exchange(world, "s3", "GET /bucket/key HTTP/1.1\r\n", "");
    for (fault, ec2, sts, ssm, object) in [
        (
            Fault::Throttled,
            (503, "RequestLimitExceeded"),
            (400, "Throttling"),
            (400, "ThrottlingException"),
            (503, "SlowDown"),
        ),
        (
            Fault::Failed,
            (500, "InternalError"),
            (500, "InternalError"),
            (500, "InternalServerError"),
            (500, "InternalError"),
        ),
        (
            Fault::Expired,
            (400, "RequestExpired"),
            (403, "ExpiredToken"),
            (400, "ExpiredTokenException"),
            (400, "ExpiredToken"),
        ),
        (
            Fault::Denied,
            (403, "UnauthorizedOperation"),
            (403, "AccessDenied"),
            (400, "AccessDeniedException"),
            (403, "AccessDenied"),
        ),
    ] {
        proxy.clear();
        proxy.inject(When::any(), fault.clone());
        let answers = [form(&behind, "ec2", VPCS), form(&behind, "sts", WHO), parameter(&behind), s3(&behind)];
        for (answer, (status, code)) in answers.into_iter().zip([ec2, sts, ssm, object]) {
            let (found, body) = answer.unwrap();
            assert_eq!(found, status, "{fault:?} {body}");
            assert!(body.contains(&format!(">{code}<")) || body.contains(&format!("\"{code}\"")), "{fault:?} {body}");
        }
    }
    assert_eq!(proxy.calls()[0].fault, Some(Fault::Throttled));
}

#[test]
fn a_fault_befalls_the_calls_that_it_is_meant_for() {
    let (_, proxy, behind) = set_up();
    let other = World::new().behind(&proxy);
    proxy.inject(
        When::action("DescribeV*").in_account(behind.account()).in_region("eu-west-1").after(1).times(2),
        Fault::Throttled,
    );
    proxy.inject(When::service("sts").containing("MatchMe"), Fault::Denied);
    let of = |world: &World| (0..4).map(|_| status(world, "ec2", VPCS)).collect::<Vec<_>>();
    assert_eq!(of(&behind), [200, 503, 503, 200]);
    assert_eq!(of(&other), [200; 4]);
    assert_eq!(of(&behind.at("us-east-1")), [200; 4]);
    assert_eq!((status(&behind, "sts", WHO), status(&behind, "sts", &format!("{WHO}&X=MatchMe"))), (200, 403));
}

#[test]
fn a_role_can_be_refused_by_the_account_that_it_is_in() {
    let (_, proxy, behind) = set_up();
    let into = |account: &str| {
        format!("Action=AssumeRole&Version=2011-06-15&RoleSessionName=test&RoleArn=arn:aws:iam::{account}:role/r")
    };
    proxy.inject(When::action("AssumeRole").containing("222222222222"), Fault::Denied);
    assert_eq!(status(&behind, "sts", &into("222222222222")), 403);
    assert_eq!(status(&behind, "sts", &into("333333333333")), 200);
    assert_eq!(proxy.count("AssumeRole"), 2);
    assert!(proxy.changes().is_empty());
}

#[test]
fn a_reset_call_is_not_done_and_a_lost_one_is() {
    let (world, proxy, behind) = set_up();
    let group = world.group(&world.vpc("10.0.0.0/16"), "web");
    let allow = |port: u16| {
        let rule = format!(
            "IpPermissions.1.FromPort={port}&IpPermissions.1.ToPort={port}&IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0%2F8"
        );
        let body = format!(
            "Action=AuthorizeSecurityGroupIngress&Version=2016-11-15&GroupId={group}&IpPermissions.1.IpProtocol=tcp&{rule}"
        );
        form(&behind, "ec2", &body)
    };
    proxy.inject(When::action("AuthorizeSecurityGroupIngress").times(1), Fault::Reset);
    proxy.inject(When::action("AuthorizeSecurityGroupIngress").times(1), Fault::Lost);
    assert!(allow(1).is_err());
    assert!(allow(2).is_err());
    assert!(allow(3).is_ok());
    let rules = ["egress -1 all 0.0.0.0/0", "ingress tcp 2 10.0.0.0/8", "ingress tcp 3 10.0.0.0/8"];
    assert_eq!(world.shapes(&group), rules);
}

#[test]
fn a_truncated_answer_breaks_off() {
    let (_, proxy, behind) = set_up();
    proxy.inject(When::any().times(1), Fault::Truncated);
    assert!(form(&behind, "ec2", VPCS).unwrap_err().contains(" of "));
    assert!(form(&behind, "ec2", VPCS).is_ok());
}

#[test]
fn the_same_page_comes_again_and_again() {
    let (world, proxy, behind) = set_up();
    let vpc = world.vpc("10.0.0.0/16");
    for i in 0..12 {
        assert!(world.group(&vpc, &format!("g{i}")).starts_with("sg-"));
    }
    let page = |token: &str| {
        let body = format!("Action=DescribeSecurityGroups&Version=2016-11-15&MaxResults=5{token}");
        form(&behind, "ec2", &body).unwrap()
    };
    proxy.inject(When::action("DescribeSecurityGroups"), Fault::SamePage);
    let first = page("");
    let token = first.1.split("nextToken>").nth(1).unwrap().trim_end_matches("</").replace('=', "%3D");
    for _ in 0..4 {
        assert_eq!(page(&format!("&NextToken={token}")), first);
    }
    proxy.clear();
    assert_ne!(page(&format!("&NextToken={token}")), first);
    proxy.inject(When::action("DescribeParameters"), Fault::SamePage);
    let answers = [parameter(&behind).unwrap(), parameter(&behind).unwrap()];
    assert!(answers[0].1.contains("\"NextToken\":\"the-same-page\""), "{answers:?}");
    assert_eq!(answers[0], answers[1]);
}

#[test]
fn every_call_takes_the_delay_and_a_slow_one_more() {
    let (_, proxy, behind) = set_up();
    proxy.delay(Duration::from_millis(50));
    proxy.inject(When::service("sts"), Fault::Slow(Duration::from_millis(70)));
    let took = |service, body| {
        let start = Instant::now();
        assert_eq!(status(&behind, service, body), 200);
        start.elapsed()
    };
    assert!(took("ec2", VPCS) >= Duration::from_millis(50));
    assert!(took("sts", WHO) >= Duration::from_millis(120));
}

#[test]
fn a_replayed_answer_is_the_one_of_before() {
    let (world, proxy, behind) = set_up();
    let vpcs = |world: &World| form(world, "ec2", VPCS).unwrap().1.matches("<vpcId>").count();
    proxy.replay();
    let before = vpcs(&behind);
    assert!(world.vpc("10.0.0.0/16").starts_with("vpc-"));
    assert_eq!((vpcs(&behind), vpcs(&world)), (before, before + 1));
    assert_eq!(vpcs(&behind.at("us-east-1")), before);
    // What changes something reaches the server each time.
    let make = "Action=CreateVpc&Version=2016-11-15&CidrBlock=10.0.0.0%2F16";
    assert_eq!((status(&behind, "ec2", make), status(&behind, "ec2", make)), (200, 200));
    assert_eq!(vpcs(&world), before + 3);
    assert_eq!(proxy.count("DescribeVpcs"), 3);
    proxy.forget_calls();
    assert!(proxy.calls().is_empty());
}

#[test]
fn an_answer_that_never_comes_ends_with_the_proxy() {
    let (_, proxy, behind) = set_up();
    proxy.inject(When::any(), Fault::Never);
    let (send, receive) = mpsc::channel();
    let waiting = thread::spawn(move || send.send(form(&behind, "ec2", VPCS)));
    proxy.await_calls("DescribeVpcs", 1);
    assert!(receive.try_recv().is_err());
    drop(proxy);
    assert!(receive.recv().unwrap().is_err());
    waiting.join().unwrap().unwrap();
}
