#![expect(clippy::unwrap_used, reason = "tests")]

use portcullis_aws::real::connect;
use portcullis_cloud::api::{AccountAccess, GroupFilter, Role};
use portcullis_cloud::error::Kind;

use super::world::{REGION, World, new_account, settings, through_role};

#[tokio::test]
async fn a_role_leads_into_its_account_and_no_other() {
    let cloud = connect(settings()).await.unwrap();
    let (one, two) = (new_account(), new_account());
    let caller = cloud.caller(&through_role(&one)).await.unwrap();
    assert_eq!(caller.account, one);
    assert!(caller.arn.ends_with("assumed-role/audit/test"), "{}", caller.arn);

    let all = GroupFilter::default();
    for account in [&one, &two] {
        let ec2 = cloud.ec2(&through_role(account), REGION).await.unwrap();
        let groups = ec2.groups(&all, None).await.unwrap().items;
        assert!(!groups.is_empty());
        assert!(groups.iter().all(|group| group.owner_id == **account), "{groups:?}");
        cloud.users(&through_role(account), REGION).await.unwrap();
    }
}

#[tokio::test]
async fn a_role_may_be_given_by_its_arn_with_all_that_its_session_needs() {
    let cloud = connect(settings()).await.unwrap();
    let account = new_account();
    let role = Role {
        name: format!("arn:aws:iam::{account}:role/team/audit"),
        external_id: Some("a secret between us".to_owned()),
        session_name: "portcullis".to_owned(),
        session_policy: Some(r#"{"Version":"2012-10-17","Statement":[]}"#.to_owned()),
    };
    let access = AccountAccess { account: String::new(), role: Some(role) };
    assert_eq!(cloud.caller(&access).await.unwrap().account, account);
}

#[tokio::test]
async fn own_credentials_serve_their_own_account_alone() {
    let world = World::new().await;
    let own = AccountAccess { account: world.account.clone(), role: None };
    assert_eq!(world.cloud.caller(&own).await.unwrap().account, world.account);
    assert_eq!(world.cloud.caller(&AccountAccess::default()).await.unwrap().account, world.account);
    let other = AccountAccess { account: "111122223333".to_owned(), role: None };
    let error = world.cloud.ec2(&other, REGION).await.unwrap_err();
    let expected = format!(
        "account `111122223333` is not that of the credentials (`{}`): name a role to assume there with --role-name",
        world.account
    );
    assert_eq!((error.kind, error.message), (Kind::Invalid, expected));
}

#[tokio::test]
async fn an_organisation_lists_accounts_and_units() {
    let world = World::new().await;
    let sdk = aws_sdk_organizations::Client::new(&world.sdk);
    sdk.create_organization().send().await.unwrap();
    let root = sdk.list_roots().send().await.unwrap().roots.unwrap().into_iter().next().unwrap().id.unwrap();
    let unit = sdk.create_organizational_unit().parent_id(&root).name("apps").send().await.unwrap();
    let unit = unit.organizational_unit.unwrap().id.unwrap();
    for n in 0..21 {
        let request = sdk.create_account().account_name(format!("app {n}")).email(format!("{n}@example.com"));
        let made = request.send().await.unwrap().create_account_status.unwrap().account_id.unwrap();
        if n == 0 {
            let request = sdk.move_account().account_id(&made).source_parent_id(&root).destination_parent_id(&unit);
            request.send().await.unwrap();
        }
    }
    let organization = world.cloud.organization().await.unwrap();
    let first = organization.accounts(None).await.unwrap();
    // The server pages here: the management account and 21 others do not fit on one page of twenty.
    assert_eq!(first.items.len(), 20);
    let second = organization.accounts(first.next).await.unwrap();
    assert_eq!((second.items.len(), second.next), (2, None));
    assert!(second.items.iter().all(|account| account.status == "ACTIVE" && account.name.starts_with("app")));
    assert_eq!(organization.units_of(&root, None).await.unwrap().items, std::slice::from_ref(&unit));
    let below = organization.accounts_of(&unit, None).await.unwrap().items;
    assert_eq!(below.iter().map(|account| account.name.as_str()).collect::<Vec<_>>(), ["app 0"]);
}

#[tokio::test]
async fn services_that_name_groups_are_asked() {
    let world = World::new().await;
    let vpc = world.vpc("10.1.0.0/16").await;
    let group = world.group(&vpc, "web").await;
    let mut subnets = Vec::new();
    for (zone, block) in [("eu-west-1a", "10.1.1.0/24"), ("eu-west-1b", "10.1.2.0/24")] {
        let request = world.ec2().create_subnet().vpc_id(&vpc).cidr_block(block).availability_zone(zone);
        subnets.push(request.send().await.unwrap().subnet.unwrap().subnet_id.unwrap());
    }
    let elb = aws_sdk_elasticloadbalancingv2::Client::new(&world.sdk).create_load_balancer().name("front");
    elb.set_subnets(Some(subnets)).security_groups(&group).send().await.unwrap();
    let rds = aws_sdk_rds::Client::new(&world.sdk).create_db_instance().db_instance_identifier("orders");
    let rds = rds.engine("postgres").db_instance_class("db.t3.micro").allocated_storage(20);
    let rds = rds.master_username("root").master_user_password("long enough");
    rds.vpc_security_group_ids(&group).send().await.unwrap();

    let users = world.cloud.users(&AccountAccess::default(), REGION).await.unwrap();
    let balancers = users.load_balancers(None).await.unwrap().items;
    let balancer = balancers.first().unwrap();
    assert_eq!(
        (balancer.load_balancer_name.as_str(), balancer.security_groups.as_slice()),
        ("front", [group.clone()].as_slice())
    );
    let databases = users.databases(None).await.unwrap().items;
    let database = databases.first().unwrap();
    assert_eq!(database.db_instance_identifier, "orders");
    assert_eq!(database.vpc_security_groups.first().unwrap().vpc_security_group_id, group);
    assert_eq!(users.functions(None).await.unwrap().items, []);
}
