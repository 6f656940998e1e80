//! `.portcullis.state.toml`: what was committed and staged. Lives in git beside the rules; paths are relative, values
//! stand one a line, and nothing depends on who wrote it or when.

use std::collections::BTreeMap;

use portcullis_formats::rules::{self, Egress, RuleSet, line_of};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::toml_text::{SCHEMA_VERSION, read};

/// The name of the state's file.
pub const STATE_FILE: &str = ".portcullis.state.toml";

/// What was committed and staged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    #[serde(default)]
    pub(crate) schema_version: String,
    /// The stack, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<StackState>,
    /// What was committed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committed: Option<Committed>,
    /// What is to be committed next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staged: Option<Staged>,
}

/// The stack and its groups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StackState {
    /// Its ARN, which tells account and Region too.
    pub id: String,
    /// The ids of its groups, in the order of the template.
    #[serde(default)]
    pub group_ids: Vec<String>,
}

/// Files and rules as they were committed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Committed {
    /// The rules, a line each and sorted, without descriptions; `None` where nobody knows, after a takeover.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<Vec<String>>,
    /// The hash of each rules file, by its path relative to the repository.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
}

/// Files as they were staged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Staged {
    /// SHA-256 of the template that is to be committed: it speaks of settings and rules alike.
    pub template: String,
    /// How many groups share the rules.
    pub groups: usize,
    /// A name for the live groups as they were then, so that a commit sees whether somebody else was there in between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<String>,
    /// The hash of each rules file, by its path relative to the repository.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
}

impl State {
    /// Reads the file, given by the name that the user knows it by.
    ///
    /// # Errors
    ///
    /// When it is no state, or one of a newer version.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self, Error> {
        Ok(read(name, bytes)?.0)
    }

    /// The file's text.
    ///
    /// # Errors
    ///
    /// None that is known of.
    pub fn text(&self) -> Result<String, Error> {
        let state = Self { schema_version: SCHEMA_VERSION.to_owned(), ..self.clone() };
        let text = toml::to_string_pretty(&state)
            .map_err(|error| Error::new(format!("the state cannot be written: {error}")))?;
        Ok(format!("# Written by `portcullis rules`: keep it in git, and leave it alone.\n{text}"))
    }
}

impl StackState {
    /// The account that the stack is in, from its ARN.
    pub fn account_id(&self) -> Option<&str> {
        self.id.split(':').nth(4).filter(|account| !account.is_empty())
    }

    /// The Region that the stack is in, from its ARN.
    pub fn region(&self) -> Option<&str> {
        self.id.split(':').nth(3).filter(|region| !region.is_empty())
    }

    /// The stack's name, from its ARN.
    pub fn name(&self) -> Option<&str> {
        self.id.split('/').nth(1)
    }
}

impl Committed {
    /// What is remembered of files and the rules that they hold.
    pub fn of(files: BTreeMap<String, String>, set: &RuleSet) -> Self {
        let mut lines: Vec<String> = set.rules.iter().map(line_of).collect();
        if set.egress == Egress::Nothing {
            lines.push("egress none".to_owned());
        }
        lines.sort();
        Self { rules: Some(lines), files }
    }

    /// The rules as they were committed, where they are known.
    ///
    /// # Errors
    ///
    /// When somebody has changed the state by hand, so that its lines are no rules.
    pub fn rules(&self, state_file: &str) -> Result<Option<RuleSet>, Error> {
        let Some(lines) = &self.rules else { return Ok(None) };
        let text = lines.join("\n");
        let name = format!("the committed rules in {state_file}");
        Ok(Some(rules::parse([(name.as_str(), text.as_bytes())])?.set))
    }
}
