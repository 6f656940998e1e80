//! The IAM policies that suffice, written from [`Call::ALL`]. They are committed as `deploy/iam/*.json`.

use serde::Serialize;
use serde_json::{Value, json};

use crate::calls::{Call, Job, Scope};

/// A document of `deploy/iam/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Document {
    /// Reading one account, for its own users or for a role there.
    ScanOnly,
    /// Reading and changing one account, and all that a run keeps there: backups, state, notices, metrics.
    Remediate,
    /// Reading and changing an account through a role there; what a run keeps is kept elsewhere.
    RemediateMember,
    /// For who runs Portcullis over many accounts: into their roles, and all that a run keeps.
    Hub,
    /// The list of an organisation's accounts: in the management account, or one that it delegates to.
    OrganizationRead,
    /// Groups kept as rules files: their stacks, what CloudFormation does for them, and what puts drift right.
    Rules,
    /// Flow logs in buckets and log groups.
    FlowLogs,
    /// Who may assume a role, and by which external id.
    Trust,
}

impl Document {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::ScanOnly,
        Self::Remediate,
        Self::RemediateMember,
        Self::Hub,
        Self::OrganizationRead,
        Self::Rules,
        Self::FlowLogs,
        Self::Trust,
    ];

    /// The name of its file.
    pub const fn file(self) -> &'static str {
        match self {
            Self::ScanOnly => "scan-only.json",
            Self::Remediate => "remediate.json",
            Self::RemediateMember => "remediate-member.json",
            Self::Hub => "hub.json",
            Self::OrganizationRead => "organization-read.json",
            Self::Rules => "rules.json",
            Self::FlowLogs => "flow-logs.json",
            Self::Trust => "trust-policy.json",
        }
    }

    /// The document as it is committed: indented JSON with a line feed at its end.
    pub fn text(self) -> String {
        let text = match self {
            Self::Trust => serde_json::to_string_pretty(&trust()),
            _ => serde_json::to_string_pretty(&self.policy()),
        };
        // Neither value has a key that is no text, or anything else that JSON cannot say.
        text.unwrap_or_default() + "\n"
    }

    /// The jobs that it allows.
    const fn jobs(self) -> &'static [Job] {
        match self {
            Self::ScanOnly => &[Job::Scan],
            Self::Remediate => {
                &[Job::Scan, Job::Remediate, Job::Stores, Job::Policies, Job::Notices, Job::Metrics, Job::State]
            }
            Self::RemediateMember => &[Job::Scan, Job::Remediate],
            Self::Hub => &[Job::SignIn, Job::Stores, Job::Policies, Job::Notices, Job::Metrics, Job::State],
            Self::OrganizationRead => &[Job::Organization],
            Self::Rules => &[Job::Scan, Job::Remediate, Job::Stores, Job::Policies, Job::Rules],
            Self::FlowLogs => &[Job::FlowLogs],
            Self::Trust => &[],
        }
    }

    fn policy(self) -> Policy {
        let mut statement: Vec<Statement> = self.jobs().iter().flat_map(|job| statements(*job)).collect();
        if self.jobs().contains(&Job::Stores) {
            statement.push(keys());
        }
        if self == Self::FlowLogs {
            statement.extend(logs_in_buckets());
        }
        if self.jobs().contains(&Job::Rules) {
            statement.push(groups_of_stacks());
        }
        Policy { version: VERSION, statement }
    }
}

/// The policy that narrows a session to what a scan needs, whatever its role may: [`Document::ScanOnly`] without blanks,
/// since a session policy has at most 2,048 characters (STS API Reference, `AssumeRole`).
pub fn scan_session_policy() -> String {
    serde_json::to_string(&Document::ScanOnly.policy()).unwrap_or_default()
}

/// The version of IAM's language, which is also the newest.
const VERSION: &str = "2012-10-17";

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Policy {
    version: &'static str,
    statement: Vec<Statement>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    sid: &'static str,
    effect: &'static str,
    action: Vec<&'static str>,
    resource: &'static [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Value>,
}

/// One statement for all calls of a job that are limited to the same things.
fn statements(job: Job) -> Vec<Statement> {
    let mut statements: Vec<Statement> = Vec::new();
    for call in Call::ALL.iter().filter(|call| call.job() == job && needs_permission(**call)) {
        let resource = resources(call.scope());
        match statements.iter_mut().find(|statement| statement.resource == resource) {
            Some(statement) => statement.action.push(call.action()),
            None => statements.push(Statement {
                sid: sid(*call),
                effect: "Allow",
                action: vec![call.action()],
                resource,
                condition: condition(call.scope()),
            }),
        }
    }
    statements
}

/// Source: STS API Reference, `GetCallerIdentity`: no permission is required for it, and none can be denied.
fn needs_permission(call: Call) -> bool {
    call != Call::GetCallerIdentity
}

/// What a statement that begins with this call is for.
fn sid(call: Call) -> &'static str {
    match (call.job(), call.scope()) {
        (Job::SignIn, _) => "EnterAccounts",
        (Job::Scan, _) => "ReadSecurityGroups",
        (Job::Remediate, _) => "ChangeSecurityGroups",
        (Job::Stores, Scope::Bucket) => "ListBackups",
        (Job::Stores, _) => "KeepBackups",
        (Job::Policies, _) => "ReadPolicies",
        (Job::Notices, _) => "SendNotices",
        (Job::Metrics, _) => "PublishMetrics",
        (Job::State, _) => "KeepState",
        (Job::Organization, _) => "ReadOrganization",
        (Job::Rules, _) => "KeepStacks",
        (Job::FlowLogs, _) => "ReadLogGroups",
    }
}

/// What the calls of a scope are limited to. Words in capitals are for the user to replace.
fn resources(scope: Scope) -> &'static [&'static str] {
    match scope {
        // Prefix lists may be AWS's own or be shared by other accounts, and all of them are to be read.
        Scope::Everything | Scope::Namespace | Scope::PrefixLists => &["*"],
        Scope::Groups | Scope::GroupTags => {
            &["arn:aws:ec2:*:*:security-group/*", "arn:aws:ec2:*:*:security-group-rule/*"]
        }
        Scope::Objects => &["arn:aws:s3:::BUCKET/PREFIX/*"],
        Scope::Bucket => &["arn:aws:s3:::BUCKET"],
        Scope::Parameter => &["arn:aws:ssm:*:*:parameter/portcullis/*"],
        Scope::Topic => &["arn:aws:sns:*:*:portcullis-*"],
        Scope::Table => &["arn:aws:dynamodb:*:*:table/portcullis-*"],
        Scope::Role => &["arn:aws:iam::*:role/portcullis-*"],
        Scope::LogGroups => &["arn:aws:logs:*:*:log-group:GROUP:*"],
        Scope::Stacks => &["arn:aws:cloudformation:*:*:stack/PortcullisSecurityGroup-*/*"],
    }
}

/// What must hold beside, where a resource does not say it.
fn condition(scope: Scope) -> Option<Value> {
    match scope {
        Scope::Namespace => Some(json!({"StringEquals": {"cloudwatch:namespace": "SecurityGroup/Compliance"}})),
        Scope::Role => Some(json!({"StringEquals": {"aws:ResourceOrgID": "ORGANIZATION"}})),
        _ => None,
    }
}

/// The keys that services encrypt with on one's behalf; nothing is encrypted with them otherwise.
fn keys() -> Statement {
    Statement {
        sid: "UseKeysThroughServices",
        effect: "Allow",
        action: vec!["kms:Decrypt", "kms:GenerateDataKey"],
        resource: &["arn:aws:kms:REGION:ACCOUNT:key/KEY"],
        condition: Some(json!({"StringLike": {"kms:ViaService": [
            "s3.*.amazonaws.com", "ssm.*.amazonaws.com", "sns.*.amazonaws.com", "dynamodb.*.amazonaws.com"
        ]}})),
    }
}

/// Flow logs in a bucket: the calls are those of the stores, for reading alone, and so are the keys.
fn logs_in_buckets() -> [Statement; 3] {
    let allow = |sid, call: Call| Statement {
        sid,
        effect: "Allow",
        action: vec![call.action()],
        resource: resources(call.scope()),
        condition: None,
    };
    let keys = Statement {
        sid: "DecryptThroughS3",
        action: vec!["kms:Decrypt"],
        condition: Some(json!({"StringLike": {"kms:ViaService": ["s3.*.amazonaws.com"]}})),
        ..keys()
    };
    [allow("ReadFlowLogs", Call::GetObject), allow("ListFlowLogs", Call::ListObjects), keys]
}

/// What CloudFormation does with a stack's groups, by the permissions of whoever asks it to ("Controlling access with AWS
/// Identity and Access Management", AWS CloudFormation User Guide).
fn groups_of_stacks() -> Statement {
    Statement {
        sid: "MakeGroupsThroughCloudFormation",
        effect: "Allow",
        action: vec!["ec2:CreateSecurityGroup", "ec2:DeleteSecurityGroup", "ec2:CreateTags", "ec2:DeleteTags"],
        resource: &["arn:aws:ec2:*:*:security-group/*", "arn:aws:ec2:*:*:vpc/*"],
        condition: Some(json!({"ForAnyValue:StringEquals": {"aws:CalledVia": ["cloudformation.amazonaws.com"]}})),
    }
}

fn trust() -> Value {
    json!({
        "Version": VERSION,
        "Statement": [{
            "Sid": "LetPortcullisIn",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::HUB_ACCOUNT:role/HUB_ROLE"},
            "Action": Call::AssumeRole.action(),
            "Condition": {"StringEquals": {"sts:ExternalId": "EXTERNAL_ID"}}
        }]
    })
}

#[cfg(test)]
mod tests;
