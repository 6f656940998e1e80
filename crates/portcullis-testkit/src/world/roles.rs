//! Roles that exist, which the server holds to their policies.

use serde_json::json;

use super::World;

impl World {
    /// A role whose sessions may do what this policy says and nothing else; its ARN. Who may assume it is said by a trust
    /// policy.
    #[must_use]
    pub fn role(&self, name: &str, policy: &str, trust: &str) -> String {
        let made = self.query("iam", "CreateRole", &[("RoleName", name), ("AssumeRolePolicyDocument", trust)]);
        let parameters = [("RoleName", name), ("PolicyName", "own"), ("PolicyDocument", policy)];
        self.query("iam", "PutRolePolicy", &parameters);
        made.find("Arn").map_or_else(String::new, |arn| arn.text.clone())
    }

    /// The same account by the credentials of a role that may do what this policy says and nothing else.
    #[must_use]
    pub fn limited_to(&self, policy: &str) -> Self {
        let ours = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": self.account}, "Action": "sts:AssumeRole"}
        ]});
        let role = self.role("limited", policy, &ours.to_string());
        self.with_role(&role)
    }

    /// The same account by the credentials of one of its roles.
    #[must_use]
    pub fn with_role(&self, arn: &str) -> Self {
        Self { keys: std::sync::Arc::new(self.assume(arn)), ..self.clone() }
    }
}
