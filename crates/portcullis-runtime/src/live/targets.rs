//! How to get into an account.

use portcullis_cloud::api::{AccountAccess, Caller, Cloud, Role};
use portcullis_cloud::error::Kind;

/// How to get into an account with this role, seen from these credentials.
///
/// The role is assumed in every account, in that of the credentials too; only there, where it often does not exist (an
/// organisation's management account), the credentials themselves serve in its place.
pub async fn access_to(account: &str, role: Option<Role>, cloud: &dyn Cloud, caller: &Caller) -> AccountAccess {
    let access = AccountAccess { account: account.to_owned(), role };
    if account != caller.account || access.role.is_none() {
        return access;
    }
    match cloud.caller(&access).await {
        Err(error) if matches!(error.kind, Kind::Denied | Kind::NotFound) => AccountAccess { role: None, ..access },
        _ => access,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

    use portcullis_cloud::model::World;

    use super::*;

    #[test]
    fn the_own_account_is_entered_without_a_role_that_is_not_there() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let world = World::new();
        let caller = runtime.block_on(world.caller(&AccountAccess::default())).unwrap();
        let role = Role { name: "audit".to_owned(), ..Role::default() };
        let enter = |account: &str| runtime.block_on(access_to(account, Some(role.clone()), &world, &caller)).role;
        world.add_role(&caller.account, "other", None);
        assert_eq!(enter(&caller.account), None);
        assert_eq!(enter("444455556666"), Some(role.clone()));
        world.add_role(&caller.account, "audit", None);
        assert_eq!(enter(&caller.account), Some(role.clone()));
    }
}
