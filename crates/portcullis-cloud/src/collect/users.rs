//! What else uses the groups that no interface and no rule uses.

use std::collections::HashSet;
use std::sync::Arc;

use super::documents::Documents;
use super::pages::{alone, keep};
use crate::api::{Ec2, Users};
use crate::pace::{Lane, Stop};

/// How many groups one call asks about. AWS documents no limit of its own for `DescribeSecurityGroupReferences`; this
/// is what a filter takes.
const BATCH: usize = 200;

/// The groups that nothing which was read uses: not the default ones, which cannot be deleted; not on an interface; not
/// named by a rule of another group.
pub(super) fn candidates(documents: &Documents) -> Vec<String> {
    let interfaces = documents.interfaces.iter().flatten().flat_map(|interface| &interface.groups);
    let mut used: HashSet<&str> = interfaces.map(|group| group.group_id.as_str()).collect();
    for rule in documents.rules.iter().flatten() {
        if let Some(reference) = &rule.referenced_group_info
            && reference.group_id != rule.group_id
        {
            used.insert(&reference.group_id);
        }
    }
    let unused = documents.groups.iter().filter(|group| group.group_name != "default");
    unused.map(|group| &group.group_id).filter(|id| !used.contains(id.as_str())).cloned().collect()
}

/// Looks up what may name the candidates, all lookups side by side.
pub(super) async fn look_up(
    lane: &Lane,
    ec2: &Arc<dyn Ec2>,
    users: &Arc<dyn Users>,
    candidates: &[String],
    documents: &mut Documents,
) -> Vec<Stop> {
    let references = async {
        let mut all = Vec::new();
        for batch in candidates.chunks(BATCH) {
            match lane.call("ec2:DescribeSecurityGroupReferences", || ec2.references(batch)).await {
                Ok(some) => all.extend(some),
                Err(stop) => return (all, Err(stop)),
            }
        }
        (all, Ok(()))
    };
    let (templates, balancers, functions, databases, references) =
        tokio::join!(
            alone(lane, ec2, "ec2:DescribeLaunchTemplateVersions", |ec2, next| async move {
                ec2.launch_templates(next).await
            }),
            alone(lane, users, "elasticloadbalancing:DescribeLoadBalancers", |users, next| async move {
                users.load_balancers(next).await
            }),
            alone(lane, users, "lambda:ListFunctions", |users, next| async move { users.functions(next).await }),
            alone(lane, users, "rds:DescribeDBInstances", |users, next| async move { users.databases(next).await }),
            references,
        );
    let mut stops = Vec::new();
    documents.launch_templates = keep(templates, &mut stops);
    documents.load_balancers = keep(balancers, &mut stops);
    documents.functions = keep(functions, &mut stops);
    documents.databases = keep(databases, &mut stops);
    documents.references = keep(references, &mut stops);
    stops
}
