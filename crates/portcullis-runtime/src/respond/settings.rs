//! By what events are answered: the policies, their real-time settings, and what the user orders.

use std::collections::BTreeSet;

use compact_str::CompactString;
use portcullis_core::controls::Hygiene;
use portcullis_core::policy::{ControlKind, EnforcementLevel, PolicySet, Severity};
use portcullis_core::remediation::Strategy;
use portcullis_formats::events::{ApiCall, PrincipalKind};
use portcullis_formats::policy::Policy;
use portcullis_formats::policy::document::actions::StrategyName;
use portcullis_formats::policy::document::real_time::RealTimeScanning;

use crate::enforce::Terms;

/// Who we are, so that what we change ourselves is not answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnIdentity {
    /// The name that our sessions bear.
    pub session_name: String,
    /// The name of the role that we assume, where we do.
    pub role_name: Option<String>,
    /// The ARN that our credentials have by themselves, where it is known.
    pub arn: Option<String>,
}

/// How our requests call themselves. Source: AWS SDKs, "User agent": `app/` and the application's id.
const USER_AGENT: &str = "app/portcullis";

impl OwnIdentity {
    /// Whether it depends on our ARN whether we made a call.
    pub fn may_have_made(call: &ApiCall) -> bool {
        call.user_agent.contains(USER_AGENT)
    }

    /// Whether a call was made by us: in a session of our name, of our role where we have one; or with our own credentials
    /// by this program.
    ///
    /// The name of a session is its maker's choice, so it counts only for the role that we were told to assume.
    pub fn made(&self, call: &ApiCall) -> bool {
        let who = &call.principal;
        let base = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
        let our_role = self.role_name.as_deref().is_some_and(|own| base(own) == who.name);
        let our_session = who.kind == PrincipalKind::Role && !self.session_name.is_empty();
        let by_session = our_session && who.session == self.session_name && our_role;
        let by_program = call.user_agent.contains(USER_AGENT) && self.arn.as_deref() == Some(who.arn.as_str());
        by_session || by_program
    }
}

/// What a policy says of changes as they happen.
#[derive(Clone, Debug, PartialEq)]
pub struct RealTime {
    /// Its `real_time_scanning`; `None` where it says nothing of it, so that everything is looked at and levels decide.
    pub scanning: Option<RealTimeScanning>,
}

impl RealTime {
    /// Of several policies the last that speaks of it counts.
    pub fn new(policies: &[Policy]) -> Self {
        let own = |policy: &Policy| policy.document.compliance_policies.real_time_scanning.clone();
        Self { scanning: policies.iter().rev().find_map(own) }
    }
}

/// What a policy's `remediation_settings` say of the strategy.
pub fn strategy_of(policy: &Policy) -> Option<Strategy> {
    let settings = &policy.document.compliance_policies.compliance_actions.remediation_settings;
    Some(match settings.strategy.as_ref()?.value {
        StrategyName::Narrow => Strategy::Narrow,
        StrategyName::Revoke => Strategy::Revoke,
        StrategyName::Lockdown => Strategy::Lockdown,
        StrategyName::Tag => Strategy::Tag,
        StrategyName::Replace => {
            let blocks = settings.replace_with.iter().flat_map(|with| with.value.0.iter());
            Strategy::Replace(blocks.map(|block| block.0).collect())
        }
    })
}

/// By what events are answered.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What groups are judged by.
    pub policies: PolicySet,
    /// What the policies' levels say, account by account.
    pub terms: Terms,
    /// What they say of changes as they happen.
    pub real_time: RealTime,
    /// What the user ordered by hand: it needs no level.
    pub order: Option<Strategy>,
    /// Whether anything may be changed.
    pub enforce: bool,
    /// Who we are.
    pub own: OwnIdentity,
    /// Principals that are never blocked, by their ARNs.
    pub break_glass: Vec<String>,
    /// Findings below this severity do not count as standing.
    pub fail_on: Severity,
    /// Accounts whose owners want no notices.
    pub muted: BTreeSet<CompactString>,
}

impl Settings {
    /// From the policies of a run. Controls that rest on all that uses a group are left to scans: one event is no reason
    /// to read an account.
    pub fn new(mut set: PolicySet, policies: &[Policy], strategy: Option<Strategy>) -> Self {
        set.controls.retain(|control| {
            !matches!(
                control.kind,
                ControlKind::Hygiene(
                    Hygiene::UnusedGroup
                        | Hygiene::DefaultGroupInUse
                        | Hygiene::StaleReference
                        | Hygiene::DuplicateGroup
                )
            )
        });
        let silent = policies.iter().flat_map(|policy| &policy.document.accounts_config);
        let silent = silent.filter(|config| config.actions.send_notifications == Some(false));
        Self {
            policies: set,
            terms: Terms::new(policies, strategy),
            real_time: RealTime::new(policies),
            order: None,
            enforce: false,
            own: OwnIdentity::default(),
            break_glass: Vec::new(),
            fail_on: Severity::Low,
            muted: silent.map(|config| config.account_id.0.clone()).collect(),
        }
    }

    /// Whether an account is not even to be read.
    pub fn is_disabled(&self, account: &str) -> bool {
        self.terms.account(account).level == EnforcementLevel::Disabled
    }
}
