//! The documentation of controls and packs that ship.

use std::sync::Arc;

use portcullis_core::policy::{Control, Settings};
use portcullis_formats::catalogue;
use portcullis_report::{ControlDoc, PackDoc};

/// What is said of each pack.
pub(crate) fn pack_docs() -> Vec<PackDoc> {
    let doc = |name: &str| {
        let pack = catalogue::pack(name)?;
        Some(PackDoc {
            name: name.to_owned(),
            description: pack.document.description.clone().unwrap_or_default(),
            controls: pack.document.controls.iter().map(|id| id.value.0.to_string()).collect(),
            framework: pack.framework.clone(),
        })
    };
    catalogue::packs().filter_map(doc).collect()
}

/// What is said of one control.
pub(crate) fn control_doc(control: &Control) -> ControlDoc {
    ControlDoc::new(control, &pack_docs())
}

/// What is said of every control that ships.
pub(crate) fn control_docs() -> Vec<ControlDoc> {
    let (settings, packs) = (Arc::new(Settings::default()), pack_docs());
    catalogue::controls().iter().map(|shipped| ControlDoc::new(&shipped.control(&settings), &packs)).collect()
}
