//! An organisation: this account manages it.

use serde_json::{Value, json};

use super::World;

/// An organisation, whose management account is the world that made it.
#[derive(Debug, Clone)]
pub struct Organisation {
    management: World,
    id: String,
    root: String,
}

impl World {
    /// Makes this account the management account of a new organisation.
    #[must_use]
    pub fn organisation(&self) -> Organisation {
        let call = |action: &str, body: Value| self.json("organizations", &target(action), &body);
        let id = text(&call("CreateOrganization", json!({ "FeatureSet": "ALL" })), "/Organization/Id");
        let root = text(&call("ListRoots", json!({})), "/Roots/0/Id");
        Organisation { management: self.clone(), id, root }
    }
}

impl Organisation {
    /// Its id, `o-…`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The id of the root, in which units and accounts may stand.
    #[must_use]
    pub fn root(&self) -> &str {
        &self.root
    }

    /// An organisational unit in the root or in another unit; its id.
    #[must_use]
    pub fn unit(&self, parent: &str, name: &str) -> String {
        let made = self.call("CreateOrganizationalUnit", &json!({ "ParentId": parent, "Name": name }));
        text(&made, "/OrganizationalUnit/Id")
    }

    /// A new account in the root or in a unit, as a world of its own.
    #[must_use]
    pub fn account(&self, parent: &str, name: &str) -> World {
        let email = format!("{name}@example.com");
        let made = self.call("CreateAccount", &json!({ "AccountName": name, "Email": email }));
        let id = text(&made, "/CreateAccountStatus/AccountId");
        if parent != self.root {
            let move_it = json!({ "AccountId": id, "SourceParentId": self.root, "DestinationParentId": parent });
            self.call("MoveAccount", &move_it);
        }
        World::in_account(&id)
    }

    /// Closes an account, which the organisation lists as suspended from then on.
    pub fn close(&self, account: &World) {
        self.call("CloseAccount", &json!({ "AccountId": account.account() }));
    }

    fn call(&self, action: &str, body: &Value) -> Value {
        self.management.json("organizations", &target(action), body)
    }
}

fn target(action: &str) -> String {
    format!("AWSOrganizationsV20161128.{action}")
}

fn text(answer: &Value, pointer: &str) -> String {
    answer.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}
