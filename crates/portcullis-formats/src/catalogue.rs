//! What ships: the controls and the packs, read from the policy files that the program carries.
//!
//! They are policy files like anybody's, `policies/controls/*.yaml` and `policies/packs/*.yaml`; nothing in them could not
//! have been written by a user. Hygiene controls are code, in `portcullis_core::controls`.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use portcullis_core::controls::Hygiene;
use portcullis_core::policy::{Control, ControlKind, ControlText, FrameworkReference, Scope, Settings, Severity};

use crate::diagnostics::{Diagnostics, Source};
use crate::policy::{Policy, PolicyRule};

macro_rules! embedded {
    ($folder:literal: $($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../../policies/", $folder, "/", $name, ".yaml")))),+]
    };
}

/// The files of traffic controls, one a theme, in the order of the documentation.
const CONTROLS: &[(&str, &str)] = embedded!(
    "controls": "everything", "administration", "file-sharing", "mail", "directory", "databases", "platforms",
    "public-services", "egress",
);

/// The packs, in the order of the documentation.
const PACKS: &[(&str, &str)] = embedded!(
    "packs": "recommended", "cis-aws-5.0", "cis-aws-3.0", "cis-aws-1.4", "aws-fsbp", "pci-dss-4.0", "nist-800-53-r5",
    "soc2", "hipaa", "all",
);

/// The pack that is used when neither a pack nor a policy is named.
pub const DEFAULT_PACK: &str = "recommended";

/// The theme of controls that are code.
pub const HYGIENE: &str = "hygiene";

/// What a control that ships judges.
#[derive(Clone, Debug)]
pub enum ShippedKind {
    /// Traffic.
    Traffic(Box<PolicyRule>),
    /// A habit, with the numbers that hold where no policy sets them.
    Hygiene(Hygiene),
}

/// A control that ships.
#[derive(Clone, Debug)]
pub struct Shipped {
    /// Its id.
    pub id: &'static str,
    /// The file that it stands in, or [`HYGIENE`].
    pub theme: &'static str,
    /// What it judges.
    pub kind: ShippedKind,
    /// The items of all frameworks that ship which it serves.
    pub frameworks: Vec<FrameworkReference>,
}

impl Shipped {
    /// Words about it.
    pub fn text(&self) -> ControlText {
        match &self.kind {
            ShippedKind::Traffic(rule) => rule.text.clone(),
            ShippedKind::Hygiene(hygiene) => words(hygiene),
        }
    }

    /// How bad a failure is.
    pub fn severity(&self) -> Severity {
        match &self.kind {
            ShippedKind::Traffic(rule) => rule.severity,
            ShippedKind::Hygiene(hygiene) => hygiene.metadata().severity,
        }
    }

    /// The control ready to judge by these settings.
    pub fn control(&self, settings: &Arc<Settings>) -> Control {
        let mut control = match &self.kind {
            ShippedKind::Traffic(rule) => Control { rule_id: None, ..rule.control(settings, Arc::default()) },
            ShippedKind::Hygiene(hygiene) => hygiene_control(hygiene.clone(), Scope::default(), settings),
        };
        control.frameworks.clone_from(&self.frameworks);
        control
    }
}

impl PolicyRule {
    /// The control that it makes under these settings, with what its file allows.
    pub fn control(
        &self,
        settings: &Arc<Settings>,
        allowed: Arc<Vec<portcullis_core::policy::AllowedRule>>,
    ) -> Control {
        let mut rule = self.rule.clone();
        if self.except_authorized_ports {
            rule.services = rule.services.difference(&settings.authorized());
        }
        Control {
            id: self.control_id.clone(),
            rule_id: Some(self.rule_id.clone()),
            severity: self.severity,
            text: self.text.clone(),
            frameworks: Vec::new(),
            kind: ControlKind::Traffic(rule),
            scope: self.scope.clone(),
            settings: Arc::clone(settings),
            allowed,
        }
    }
}

/// A hygiene control, wherever its numbers come from; without framework references.
pub(crate) fn hygiene_control(hygiene: Hygiene, scope: Scope, settings: &Arc<Settings>) -> Control {
    let metadata = hygiene.metadata();
    Control {
        id: metadata.id.into(),
        rule_id: None,
        severity: metadata.severity,
        text: words(&hygiene),
        frameworks: Vec::new(),
        kind: ControlKind::Hygiene(hygiene),
        scope,
        settings: Arc::clone(settings),
        allowed: Arc::default(),
    }
}

fn words(hygiene: &Hygiene) -> ControlText {
    let metadata = hygiene.metadata();
    ControlText {
        title: metadata.title.to_owned(),
        description: metadata.description.to_owned(),
        reason: metadata.reason.to_owned(),
        remediation: metadata.remediation.to_owned(),
    }
}

struct Catalogue {
    controls: Vec<Shipped>,
    by_id: HashMap<&'static str, usize>,
    packs: Vec<(&'static str, Policy)>,
    faults: Diagnostics,
}

/// Read once, when something of it is first asked for.
static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let mut faults = Diagnostics::default();
    let mut read = |files: &'static [(&'static str, &'static str)], folder: &str| {
        let mut policies = Vec::with_capacity(files.len());
        for (name, text) in files {
            match Policy::from_source(Source::embedded(&format!("policies/{folder}/{name}.yaml"), text)) {
                Ok(mut policy) => {
                    // A pack's framework is known by the name that the user gives.
                    policy.framework.iter_mut().for_each(|framework| framework.pack = (*name).to_owned());
                    policies.push((*name, policy));
                }
                Err(errors) => faults.extend(errors),
            }
        }
        policies
    };
    let packs = read(PACKS, "packs");
    let themes = read(CONTROLS, "controls");
    let traffic = themes.into_iter().flat_map(|(theme, policy)| {
        policy.rules.into_iter().map(move |rule| {
            // The ids live as long as the program, like the texts that they were read from.
            let id: &'static str = String::leak(rule.control_id.to_string());
            Shipped { id, theme, kind: ShippedKind::Traffic(Box::new(rule)), frameworks: Vec::new() }
        })
    });
    let hygiene = Hygiene::all().into_iter().map(|hygiene| {
        let id = hygiene.metadata().id;
        Shipped { id, theme: HYGIENE, kind: ShippedKind::Hygiene(hygiene), frameworks: Vec::new() }
    });
    let mut controls: Vec<Shipped> = traffic.chain(hygiene).collect();
    let by_id: HashMap<&'static str, usize> =
        controls.iter().enumerate().map(|(at, control)| (control.id, at)).collect();
    for framework in packs.iter().filter_map(|(_, pack)| pack.framework.as_ref()) {
        for (id, reference) in references(framework) {
            if let Some(control) = by_id.get(id).and_then(|at| controls.get_mut(*at)) {
                control.frameworks.push(reference);
            }
        }
    }
    Catalogue { controls, by_id, packs, faults }
});

/// The references that a framework gives, by control id.
pub(crate) fn references(
    framework: &portcullis_core::policy::Framework,
) -> impl Iterator<Item = (&str, FrameworkReference)> {
    framework.items.iter().flat_map(|item| {
        let label = format!("{} {}", framework.label, item.id);
        let families = item.families.clone();
        let reference = FrameworkReference { label, families };
        item.controls.iter().map(move |id| (id.as_str(), reference.clone()))
    })
}

/// The names of the packs, in the order of the documentation.
pub fn packs() -> impl Iterator<Item = &'static str> {
    PACKS.iter().map(|(name, _)| *name)
}

/// A pack, as the policy that it is.
pub fn pack(name: &str) -> Option<&'static Policy> {
    CATALOGUE.packs.iter().find(|(own, _)| *own == name).map(|(_, pack)| pack)
}

/// The text of a pack's file.
pub fn pack_text(name: &str) -> Option<&'static str> {
    PACKS.iter().find(|(own, _)| *own == name).map(|(_, text)| *text)
}

/// Every control that ships, in the order of the documentation.
pub fn controls() -> &'static [Shipped] {
    &CATALOGUE.controls
}

/// A control that ships.
pub fn control(id: &str) -> Option<&'static Shipped> {
    CATALOGUE.by_id.get(id).and_then(|at| CATALOGUE.controls.get(*at))
}

/// What is wrong with the files that ship; a test holds this empty.
pub fn faults() -> &'static Diagnostics {
    &CATALOGUE.faults
}

#[cfg(test)]
mod tests;
