//! Rules from files, and the template that they make, in one value: what code users begin with.

use std::path::Path;

use portcullis_core::model::Inventory;
use portcullis_formats::cloudformation::{GroupSettings, Template, quota, split};
use portcullis_formats::diagnostics::Diagnostics;
use portcullis_formats::rules::{self, Read, RuleSet};

use crate::error::Error;
use crate::folder::{content, rules_files, shown};

/// The rules of a file or a folder of files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecurityTemplate(Read);

impl SecurityTemplate {
    /// Reads one file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, and everything that is wrong with it.
    pub fn from_file(path: &Path) -> Result<Self, Error> {
        let bytes = content(path)?;
        Ok(Self(rules::parse([(shown(path).as_str(), bytes.as_slice())])?))
    }

    /// Reads the rules files of a folder (`*.pysec`, `*.rules`), not of those below it.
    ///
    /// # Errors
    ///
    /// When the folder or a file cannot be read, when there is no rules file, and everything that is wrong with any of
    /// them.
    pub fn from_folder(folder: &Path) -> Result<Self, Error> {
        let files = rules_files(folder)?;
        if files.is_empty() {
            return Err(no_files(folder));
        }
        Self::of(folder, &files)
    }

    /// From files that were read already.
    pub(crate) fn of(folder: &Path, files: &[(String, Vec<u8>)]) -> Result<Self, Error> {
        let named: Vec<(String, &[u8])> =
            files.iter().map(|(name, bytes)| (shown(&folder.join(name)), bytes.as_slice())).collect();
        Ok(Self(rules::parse(named.iter().map(|(name, bytes)| (name.as_str(), *bytes)))?))
    }

    /// The rules.
    pub fn rules(&self) -> &RuleSet {
        &self.0.set
    }

    /// What deserves a look.
    pub fn warnings(&self) -> &Diagnostics {
        &self.0.warnings
    }

    /// The template of one group that holds all rules.
    pub fn generate_template(&self, settings: &GroupSettings) -> Template {
        Template::of(settings, &self.0.set)
    }

    /// The template of as few groups as the quota asks for. `inventory` tells the sizes of prefix lists.
    pub fn generate_split_template(&self, settings: &GroupSettings, inventory: &Inventory) -> Template {
        Template::of_parts(settings, &split(&self.0.set, inventory))
    }

    /// The rules of each group: of one, or of as few as the quota asks for where `split_up` says so.
    pub fn parts(&self, split_up: bool, inventory: &Inventory) -> Vec<RuleSet> {
        if split_up { split(&self.0.set, inventory) } else { vec![self.0.set.clone()] }
    }

    /// How many places of the quota the rules take, in the fullest direction and family.
    pub fn quota(&self, inventory: &Inventory) -> usize {
        quota(&self.0.set, inventory)
    }

    /// The rules and what deserves a look.
    pub fn into_parts(self) -> (RuleSet, Diagnostics) {
        (self.0.set, self.0.warnings)
    }
}

pub(crate) fn no_files(folder: &Path) -> Error {
    let folder = match shown(folder) {
        here if here.is_empty() => "this folder".to_owned(),
        other => format!("`{other}`"),
    };
    Error::new(format!("there is no rules file in {folder}: `*.pysec` or `*.rules` is expected"))
}
