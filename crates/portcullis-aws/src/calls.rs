//! Every call that the program can make to AWS: its IAM action, and the work that needs it.
//!
//! Nothing is sent to AWS but under one of these names: [`crate::real`] refuses a request whose operation is not the one
//! that it was announced as. So the IAM policies that [`crate::permissions`] writes from this list suffice, and a call
//! that is not on it cannot be made.

/// The work that a call is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Job {
    /// Finding out who and where one is; needs no permission beyond a trust policy.
    SignIn,
    /// Reading security groups and what is around them.
    Scan,
    /// Changing rules and tags.
    Remediate,
    /// Backups, journals, locks and policies in S3.
    Stores,
    /// Policies in the parameter store.
    Policies,
    /// Notices.
    Notices,
    /// Metrics.
    Metrics,
    /// State in a DynamoDB table.
    State,
    /// The list of an organisation's accounts.
    Organization,
    /// Groups kept as rules files, by stacks.
    Rules,
    /// Flow logs in log groups.
    FlowLogs,
}

/// What IAM can limit a call to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Nothing: the action knows `*` alone.
    Everything,
    /// Security groups and their rules, and the prefix lists that rules name.
    Groups,
    /// The tags of security groups and their rules.
    GroupTags,
    /// Managed prefix lists.
    PrefixLists,
    /// The objects of a bucket.
    Objects,
    /// A bucket.
    Bucket,
    /// A parameter.
    Parameter,
    /// A topic.
    Topic,
    /// The namespace of the metrics, by a condition.
    Namespace,
    /// A table.
    Table,
    /// A role.
    Role,
    /// Stacks of groups kept as rules files.
    Stacks,
    /// Log groups.
    LogGroups,
}

macro_rules! calls {
    ($($(#[$doc:meta])* $call:ident = $service:literal $operation:literal, $action:literal, $job:ident, $scope:ident;)*) => {
        /// A call of an AWS API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Call { $($(#[$doc])* $call,)* }

        impl Call {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$call,)*];

            /// The action, as IAM policies write it.
            pub const fn action(self) -> &'static str {
                match self { $(Self::$call => $action,)* }
            }

            /// The service and the operation, as the SDK names them.
            pub(crate) const fn operation(self) -> (&'static str, &'static str) {
                match self { $(Self::$call => ($service, $operation),)* }
            }

            /// The work that needs it.
            pub const fn job(self) -> Job {
                match self { $(Self::$call => Job::$job,)* }
            }

            /// What IAM can limit it to.
            pub const fn scope(self) -> Scope {
                match self { $(Self::$call => Scope::$scope,)* }
            }
        }
    };
}

// What each action can be limited to: Service Authorization Reference, "Actions, resources, and condition keys" of each
// service; for rules of groups also the EC2 User Guide, "Example policies to control access to the Amazon EC2 API".
calls! {
    /// Who the credentials are of; IAM cannot refuse it.
    GetCallerIdentity = "STS" "GetCallerIdentity", "sts:GetCallerIdentity", SignIn, Everything;
    /// Into another account.
    AssumeRole = "STS" "AssumeRole", "sts:AssumeRole", SignIn, Role;

    /// Which Regions are enabled.
    DescribeRegions = "EC2" "DescribeRegions", "ec2:DescribeRegions", Scan, Everything;
    /// Groups.
    DescribeSecurityGroups = "EC2" "DescribeSecurityGroups", "ec2:DescribeSecurityGroups", Scan, Everything;
    /// Rules with their ids.
    DescribeSecurityGroupRules = "EC2" "DescribeSecurityGroupRules", "ec2:DescribeSecurityGroupRules", Scan, Everything;
    /// Managed prefix lists.
    DescribeManagedPrefixLists = "EC2" "DescribeManagedPrefixLists", "ec2:DescribeManagedPrefixLists", Scan, Everything;
    /// Their entries.
    GetManagedPrefixListEntries = "EC2" "GetManagedPrefixListEntries", "ec2:GetManagedPrefixListEntries", Scan, PrefixLists;
    /// VPCs with their blocks.
    DescribeVpcs = "EC2" "DescribeVpcs", "ec2:DescribeVpcs", Scan, Everything;
    /// Which groups are in use.
    DescribeNetworkInterfaces = "EC2" "DescribeNetworkInterfaces", "ec2:DescribeNetworkInterfaces", Scan, Everything;
    /// Rules that name groups which are gone.
    DescribeStaleSecurityGroups = "EC2" "DescribeStaleSecurityGroups", "ec2:DescribeStaleSecurityGroups", Scan, Everything;
    /// Groups that peered VPCs name.
    DescribeSecurityGroupReferences = "EC2" "DescribeSecurityGroupReferences", "ec2:DescribeSecurityGroupReferences", Scan, Everything;
    /// Groups that launch templates name.
    DescribeLaunchTemplateVersions = "EC2" "DescribeLaunchTemplateVersions", "ec2:DescribeLaunchTemplateVersions", Scan, Everything;
    /// Groups that load balancers name.
    DescribeLoadBalancers = "Elastic Load Balancing v2" "DescribeLoadBalancers", "elasticloadbalancing:DescribeLoadBalancers", Scan, Everything;
    /// Groups that functions name.
    ListFunctions = "Lambda" "ListFunctions", "lambda:ListFunctions", Scan, Everything;
    /// Groups that databases name.
    DescribeDbInstances = "RDS" "DescribeDBInstances", "rds:DescribeDBInstances", Scan, Everything;

    /// New inbound rules.
    AuthorizeSecurityGroupIngress = "EC2" "AuthorizeSecurityGroupIngress", "ec2:AuthorizeSecurityGroupIngress", Remediate, Groups;
    /// New outbound rules.
    AuthorizeSecurityGroupEgress = "EC2" "AuthorizeSecurityGroupEgress", "ec2:AuthorizeSecurityGroupEgress", Remediate, Groups;
    /// Inbound rules taken away.
    RevokeSecurityGroupIngress = "EC2" "RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress", Remediate, Groups;
    /// Outbound rules taken away.
    RevokeSecurityGroupEgress = "EC2" "RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupEgress", Remediate, Groups;
    /// Rules changed in place.
    ModifySecurityGroupRules = "EC2" "ModifySecurityGroupRules", "ec2:ModifySecurityGroupRules", Remediate, Groups;
    /// Descriptions of inbound rules.
    UpdateSecurityGroupRuleDescriptionsIngress = "EC2" "UpdateSecurityGroupRuleDescriptionsIngress", "ec2:UpdateSecurityGroupRuleDescriptionsIngress", Remediate, Groups;
    /// Descriptions of outbound rules.
    UpdateSecurityGroupRuleDescriptionsEgress = "EC2" "UpdateSecurityGroupRuleDescriptionsEgress", "ec2:UpdateSecurityGroupRuleDescriptionsEgress", Remediate, Groups;
    /// Tags of groups and rules, those of new rules included.
    CreateTags = "EC2" "CreateTags", "ec2:CreateTags", Remediate, GroupTags;
    /// Tags taken away.
    DeleteTags = "EC2" "DeleteTags", "ec2:DeleteTags", Remediate, GroupTags;

    /// Backups, journals, policies.
    GetObject = "S3" "GetObject", "s3:GetObject", Stores, Objects;
    /// Backups, journals, locks.
    PutObject = "S3" "PutObject", "s3:PutObject", Stores, Objects;
    /// Locks given back.
    DeleteObject = "S3" "DeleteObject", "s3:DeleteObject", Stores, Objects;
    /// Which backups there are; and without it a missing object looks like one that is refused.
    ListObjects = "S3" "ListObjectsV2", "s3:ListBucket", Stores, Bucket;

    /// A policy.
    GetParameter = "SSM" "GetParameter", "ssm:GetParameter", Policies, Parameter;
    /// A notice.
    Publish = "SNS" "Publish", "sns:Publish", Notices, Topic;
    /// Metrics.
    PutMetricData = "CloudWatch" "PutMetricData", "cloudwatch:PutMetricData", Metrics, Namespace;

    /// State read.
    GetItem = "DynamoDB" "GetItem", "dynamodb:GetItem", State, Table;
    /// State written.
    PutItem = "DynamoDB" "PutItem", "dynamodb:PutItem", State, Table;
    /// State forgotten.
    DeleteItem = "DynamoDB" "DeleteItem", "dynamodb:DeleteItem", State, Table;
    /// State listed.
    ScanTable = "DynamoDB" "Scan", "dynamodb:Scan", State, Table;

    /// All accounts.
    ListAccounts = "Organizations" "ListAccounts", "organizations:ListAccounts", Organization, Everything;
    /// Accounts of a unit.
    ListAccountsForParent = "Organizations" "ListAccountsForParent", "organizations:ListAccountsForParent", Organization, Everything;
    /// Units of a unit.
    ListOrganizationalUnitsForParent = "Organizations" "ListOrganizationalUnitsForParent", "organizations:ListOrganizationalUnitsForParent", Organization, Everything;

    /// Flow logs of a log group.
    FilterLogEvents = "CloudWatch Logs" "FilterLogEvents", "logs:FilterLogEvents", FlowLogs, LogGroups;

    /// How a stack is.
    DescribeStacks = "CloudFormation" "DescribeStacks", "cloudformation:DescribeStacks", Rules, Stacks;
    /// What would be changed.
    CreateChangeSet = "CloudFormation" "CreateChangeSet", "cloudformation:CreateChangeSet", Rules, Stacks;
    /// What that is.
    DescribeChangeSet = "CloudFormation" "DescribeChangeSet", "cloudformation:DescribeChangeSet", Rules, Stacks;
    /// Changing it.
    ExecuteChangeSet = "CloudFormation" "ExecuteChangeSet", "cloudformation:ExecuteChangeSet", Rules, Stacks;
    /// Not changing it.
    DeleteChangeSet = "CloudFormation" "DeleteChangeSet", "cloudformation:DeleteChangeSet", Rules, Stacks;
    /// What happens meanwhile.
    DescribeStackEvents = "CloudFormation" "DescribeStackEvents", "cloudformation:DescribeStackEvents", Rules, Stacks;
    /// A stack and its group taken away.
    DeleteStack = "CloudFormation" "DeleteStack", "cloudformation:DeleteStack", Rules, Stacks;
    /// What a stack was made of.
    GetTemplate = "CloudFormation" "GetTemplate", "cloudformation:GetTemplate", Rules, Stacks;
}
