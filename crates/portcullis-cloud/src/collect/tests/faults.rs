//! Throttling, refusals, repeated tokens, ended budgets.

use super::*;

const GROUPS: &str = "ec2:DescribeSecurityGroups";
const RULES: &str = "ec2:DescribeSecurityGroupRules";

#[tokio::test(start_paused = true)]
async fn a_throttle_storm_is_waited_out_with_few_calls_in_vain() {
    let mut place = place();
    for number in 0..300 {
        place.add_group(&format!("g{number:03}"), "");
    }
    // One call at once and two a second: far below what AWS allows.
    let limits = Limits { reading: (1.0, 2.0), ..Limits::default() };
    let world = world([place]).with_pages_of(5).with_limits(limits);
    let started = Instant::now();
    let told = told(world.clone(), own(&[REGION])).await;
    assert_eq!(told.statuses(), ["111122223333 eu-west-1 Complete 302"]);
    let calls = world.calls()[GROUPS];
    assert!(world.throttled() > 0 && told.end.retries == world.throttled());
    assert!(world.throttled() * 2 < calls, "{} of {calls} were refused", world.throttled());
    // 61 pages at two a second.
    let ideal = Duration::from_secs(30);
    assert!(started.elapsed() >= ideal && started.elapsed() < ideal * 3, "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_passes_is_tried_again_and_counted() {
    for kind in [Kind::Throttled, Kind::Server, Kind::Unreachable] {
        let cloud = Faults::around(Arc::new(world([place()])), [Fault::fail(GROUPS, kind).first(3)]);
        let told = told(cloud, own(&[REGION])).await;
        assert_eq!(told.statuses(), ["111122223333 eu-west-1 Complete 2"], "{kind:?}");
        assert_eq!((told.end.retries, told.end.calls, told.end.failures), (3, 6, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_answer_is_given_up_and_the_others_go_on() {
    let fault = Fault::fail("*", Kind::Unreachable).in_region("eu-south-1");
    let cloud = Faults::around(Arc::new(world([place()])), [fault]);
    let started = Instant::now();
    let told = told(cloud, own(&["eu-south-1", REGION])).await;
    let statuses = told.statuses();
    assert!(
        statuses[0].starts_with("111122223333 eu-south-1 Unread 0: ec2:DescribeSecurityGroups failed"),
        "{statuses:?}"
    );
    assert_eq!(statuses[1], "111122223333 eu-west-1 Complete 2");
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
    assert_eq!(told.end.failures, 1);
}

#[tokio::test(start_paused = true)]
async fn one_denied_account_fails_alone_and_at_once() {
    let world = world([place()]);
    world.add_role(OTHER, "another", None);
    let request = Request::new(vec![by_role(OTHER), home()], named(&[REGION, "us-east-1", "us-west-2"]));
    let told = told(world.clone(), request).await;
    let statuses = told.statuses();
    assert_eq!(statuses.iter().filter(|line| line.contains("111122223333") && line.contains("Complete")).count(), 3);
    let denied = "Unread 0: sts:AssumeRole failed with AccessDenied: not authorized to perform: sts:AssumeRole on role audit \
                  of account 444455556666; allow the call in the role's policy: `deploy/iam/` holds ones that suffice";
    for region in [REGION, "us-east-1", "us-west-2"] {
        assert!(statuses.contains(&format!("{OTHER} {region} {denied}")), "{statuses:#?}");
    }
    assert_eq!(world.calls_of(OTHER).into_iter().collect::<Vec<_>>(), [("sts:AssumeRole", 1)]);
}

#[tokio::test(start_paused = true)]
async fn expired_credentials_fail_all_regions_of_their_account() {
    let world = world([place(), Place::new(OTHER, REGION)]);
    let cloud = Faults::around(Arc::new(world.clone()), [Fault::fail(GROUPS, Kind::Expired).in_account(OTHER)]);
    let mut request = Request::new(vec![by_role(OTHER), home()], named(&[REGION, "us-east-1", "us-west-2"]));
    request.concurrency = NonZeroUsize::MIN;
    let told = told(cloud.clone(), request).await;
    assert_eq!(told.units.iter().filter(|unit| unit.status == CoverageStatus::Complete).count(), 3);
    assert_eq!(told.units.iter().filter(|unit| unit.status == CoverageStatus::Unread).count(), 3);
    // The one call that was refused told enough.
    assert_eq!(world.calls_of(OTHER).into_iter().collect::<Vec<_>>(), [("sts:AssumeRole", 1)]);
    assert_eq!((cloud.done(), told.end.calls), (1, 3 * 3 + 1));
}

#[tokio::test(start_paused = true)]
async fn a_denied_call_leaves_the_rest_of_its_unit() {
    for (call, missing) in
        [(RULES, "rules"), ("ec2:DescribeVpcs", "VPCs"), ("ec2:DescribeNetworkInterfaces", "interfaces")]
    {
        let cloud = Faults::around(Arc::new(world([place()])), [Fault::fail(call, Kind::Denied)]);
        let want = Want { interfaces: true, ..Want::default() };
        let told = told(cloud, Request { want, ..own(&[REGION]) }).await;
        let unit = told.unit(HOME, REGION);
        assert_eq!((unit.status, unit.documents.groups.len()), (CoverageStatus::Partial, 2));
        assert!(unit.error.as_ref().unwrap().starts_with(&format!("{call} failed with UnauthorizedOperation")));
        assert_eq!(unit.documents.rules.is_none(), missing == "rules");
        assert_eq!(unit.documents.vpcs.is_none(), missing == "VPCs");
        assert_eq!(unit.documents.interfaces.is_none(), missing == "interfaces");
    }
    let cloud = Faults::around(Arc::new(world([place()])), [Fault::fail(GROUPS, Kind::Denied)]);
    let told = told(cloud, own(&[REGION])).await;
    assert_eq!(told.unit(HOME, REGION).status, CoverageStatus::Unread);
    assert_eq!(told.unit(HOME, REGION).documents, Documents::default());
}

#[tokio::test(start_paused = true)]
async fn some_of_the_rules_are_none() {
    let mut place = place();
    for number in 0..9 {
        place.add_rule("sg-web", &format!("ingress tcp {number} from 10.0.0.0/8"));
    }
    let cloud = Faults::around(Arc::new(world([place]).with_pages_of(4)), [Fault::fail(RULES, Kind::Denied).after(1)]);
    let told = told(cloud, own(&[REGION])).await;
    let unit = told.unit(HOME, REGION);
    assert_eq!((unit.status, unit.documents.rules.is_none()), (CoverageStatus::Partial, true));
    let value = serde_json::to_value(unit).unwrap();
    assert!(value["SecurityGroups"][0].get("IpPermissions").is_none());
}

#[tokio::test(start_paused = true)]
async fn groups_of_a_page_before_a_failure_are_kept() {
    let mut place = place();
    (0..9).for_each(|number| _ = place.add_group(&format!("g{number}"), ""));
    let cloud = Faults::around(Arc::new(world([place]).with_pages_of(4)), [Fault::fail(GROUPS, Kind::Denied).after(2)]);
    let told = told(cloud, own(&[REGION])).await;
    assert_eq!(
        (told.unit(HOME, REGION).status, told.unit(HOME, REGION).documents.groups.len()),
        (CoverageStatus::Partial, 8)
    );
}

#[tokio::test(start_paused = true)]
async fn a_disabled_region_is_its_own_trouble() {
    let world = world([place()]);
    let told = told(world, own(&["af-south-1", REGION])).await;
    let statuses = told.statuses();
    assert!(statuses[0].starts_with("111122223333 af-south-1 Unread 0: ") && statuses[0].contains("enable the Region"));
    assert_eq!(statuses[1], "111122223333 eu-west-1 Complete 2");
}

#[tokio::test(start_paused = true)]
async fn an_account_whose_regions_are_not_known_is_one_row() {
    let world = world([place(), Place::new(OTHER, REGION)]);
    world.set_regions(HOME, &[REGION]);
    let fault = Fault::fail("ec2:DescribeRegions", Kind::Denied).in_account(OTHER);
    let told =
        told(Faults::around(Arc::new(world), [fault]), Request::new(vec![by_role(OTHER), home()], Regions::All)).await;
    let statuses = told.statuses();
    assert_eq!(statuses[0], "111122223333 eu-west-1 Complete 2");
    assert!(statuses[1].starts_with("444455556666  Unread 0: ec2:DescribeRegions failed"), "{statuses:?}");
    assert_eq!((statuses.len(), told.end.failures, told.end.accounts_done), (2, 1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_page_that_leads_to_itself_is_an_error_and_no_loop() {
    for pages in [2, 1000] {
        let mut place = place();
        (0..9).for_each(|number| _ = place.add_group(&format!("g{number}"), ""));
        let world = world([place]).with_pages_of(pages);
        let cloud = Faults::around(Arc::new(world.clone()), [Fault::repeat_token(GROUPS)]);
        let told = told(cloud, own(&[REGION])).await;
        let unit = told.unit(HOME, REGION);
        assert_eq!(unit.status, CoverageStatus::Partial);
        let error = "ec2:DescribeSecurityGroups failed: AWS gave the same page token twice, so the rest cannot be read";
        assert_eq!(unit.error.as_deref(), Some(error));
        assert!(world.calls()[GROUPS] <= 3);
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_budget_ends_the_reading() {
    let world = world([place()]).with_latency(Duration::from_secs(3));
    let regions = [REGION, "us-east-1", "us-east-2"];
    let mut request = Request { time_budget: Duration::from_secs(8), ..own(&regions) };
    request.concurrency = NonZeroUsize::MIN;
    let started = Instant::now();
    let told = told(world, request).await;
    assert_eq!(started.elapsed(), Duration::from_secs(8));
    let statuses = told.statuses();
    assert!(statuses[0].ends_with("Complete 2") && statuses[1].ends_with("Complete 1"), "{statuses:?}");
    let error =
        "the time budget of 8 s ended before ec2:DescribeSecurityGroups was answered; give more with --time-budget";
    assert!(statuses[2].contains("Unread 0") && statuses[2].contains(error), "{statuses:?}");
}

#[tokio::test(start_paused = true)]
async fn what_was_read_when_the_time_ends_is_told() {
    let slow = Fault::slow("ec2:DescribeVpcs", Duration::from_secs(100));
    let cloud = Faults::around(Arc::new(world([place()])), [slow]);
    let told = told(cloud, Request { time_budget: Duration::from_secs(60), ..own(&[REGION]) }).await;
    let unit = told.unit(HOME, REGION);
    assert_eq!((unit.status, unit.documents.groups.len()), (CoverageStatus::Partial, 2));
    assert!(unit.error.as_ref().unwrap().starts_with("the time budget of 60 s ended before ec2:DescribeVpcs"));
}

#[tokio::test(start_paused = true)]
async fn an_endless_storm_ends_with_the_time() {
    let cloud = Faults::around(Arc::new(world([place()])), [Fault::fail("*", Kind::Throttled)]);
    let budget = Duration::from_secs(300);
    let started = Instant::now();
    let told = told(cloud, Request { time_budget: budget, ..own(&[REGION]) }).await;
    assert!(started.elapsed() <= budget);
    assert!(told.statuses()[0].contains("Unread 0: the time budget of 5 min ended before"));
    // Pauses grow: three calls at a time would be thousands without them.
    assert!(told.end.calls < 200, "{}", told.end.calls);
}
