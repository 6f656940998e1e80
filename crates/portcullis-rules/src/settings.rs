//! `.portcullis.toml`: which group a repository keeps, and where.

mod check;

use std::collections::BTreeMap;

use portcullis_formats::cloudformation::GroupSettings;
use portcullis_formats::diagnostics::{Diagnostic, Diagnostics};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::toml_text::{SCHEMA_VERSION, place_of, read};

/// The name of the settings' file, which makes a folder a repository.
pub const SETTINGS_FILE: &str = ".portcullis.toml";

/// What the stack's name begins with where nothing else is said.
const STACK_PREFIX: &str = "PortcullisSecurityGroup";

/// Which group a repository keeps, and where. No secrets: credentials come from profiles, roles and the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Settings of a repository of rules", extend("$id" = "https://portcullis-sg.github.io/rules.schema.json"))]
pub struct Settings {
    /// The version of this form: `1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_version: Option<String>,
    /// The VPC of the group, `vpc-…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<String>,
    /// The name of the group. Changing it replaces the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_name: Option<String>,
    /// The Region of the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The profile of the AWS configuration that leads to the group's account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The role to assume in the group's account, by its ARN, or by its name in the account of the credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_name: Option<String>,
    /// The external id that the role's trust policy asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The description of the group. Changing it replaces the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The name of the stack; without one it is made from `stack_prefix`, the group's name and the VPC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
    /// What the made name of the stack begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack_prefix: Option<String>,
    /// Whether CloudFormation makes up the group's name, as it did for pysec-aws. Changing it replaces the group.
    #[serde(default, skip_serializing_if = "is_false")]
    pub generated_name: bool,
    /// Tags of stack and group.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// What `configure` sets; what is `None` or empty stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingsChange {
    /// [`Settings::vpc_id`]
    pub vpc_id: Option<String>,
    /// [`Settings::group_name`]
    pub group_name: Option<String>,
    /// [`Settings::region`]
    pub region: Option<String>,
    /// [`Settings::profile`]
    pub profile: Option<String>,
    /// [`Settings::role_name`]
    pub role_name: Option<String>,
    /// [`Settings::external_id`]
    pub external_id: Option<String>,
    /// [`Settings::description`]
    pub description: Option<String>,
    /// [`Settings::stack`]
    pub stack: Option<String>,
    /// [`Settings::stack_prefix`]
    pub stack_prefix: Option<String>,
    /// [`Settings::generated_name`]
    pub generated_name: Option<bool>,
    /// [`Settings::tags`] to set; others stay.
    pub tags: BTreeMap<String, String>,
}

impl Settings {
    /// Reads the file, given by the name that the user knows it by.
    ///
    /// # Errors
    ///
    /// When it is no TOML of this form, or of a newer version, or says what AWS would refuse; all of the latter at once.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self, Error> {
        let (settings, source) = read::<Self>(name, bytes)?;
        let wrong = settings.wrong();
        let at = |(key, message): (String, String)| Diagnostic::error(place_of(source.text(), &key), message);
        Diagnostics::of(&source, wrong.into_iter().map(at).collect()).into_result()?;
        Ok(settings)
    }

    /// The text of a new file.
    pub fn first_text() -> String {
        format!(
            "# Settings of a repository of security group rules: `portcullis rules configure` fills them in.\n\
             schema_version = \"{SCHEMA_VERSION}\"\n"
        )
    }

    /// The file's text with changes made; comments and what is not changed stay.
    ///
    /// # Errors
    ///
    /// When the text is no TOML, or what it would say is something that AWS refuses.
    pub fn changed(name: &str, text: &str, change: &SettingsChange) -> Result<String, Error> {
        let mut document: toml_edit::DocumentMut =
            text.parse().map_err(|error| Error::new(format!("`{name}` is no TOML: {error}")))?;
        let mut put = |key: &str, value: Option<toml_edit::Value>| {
            let Some(mut value) = value else { return };
            match document.get_mut(key).and_then(toml_edit::Item::as_value_mut) {
                // What stands around a value, comments above all, belongs to it.
                Some(present) => {
                    *value.decor_mut() = present.decor().clone();
                    *present = value;
                }
                None => drop(document.insert(key, toml_edit::Item::Value(value))),
            }
        };
        let texts = [
            ("vpc_id", &change.vpc_id),
            ("group_name", &change.group_name),
            ("region", &change.region),
            ("profile", &change.profile),
            ("role_name", &change.role_name),
            ("external_id", &change.external_id),
            ("description", &change.description),
            ("stack", &change.stack),
            ("stack_prefix", &change.stack_prefix),
        ];
        texts.into_iter().for_each(|(key, text)| put(key, text.as_deref().map(toml_edit::Value::from)));
        put("generated_name", change.generated_name.map(toml_edit::Value::from));
        if !change.tags.is_empty() {
            let tags = document.entry("tags").or_insert_with(toml_edit::table);
            let tags = tags.as_table_like_mut();
            let tags = tags.ok_or_else(|| Error::new(format!("`tags` of `{name}` is no table")))?;
            change.tags.iter().for_each(|(key, value)| drop(tags.insert(key, toml_edit::value(value))));
        }
        let changed = document.to_string();
        // What was typed is at fault, not a place in the file.
        let settings: Self = toml::from_str(&changed).map_err(|error| Error::new(error.message()))?;
        let wrong: Vec<String> = settings.wrong().into_iter().map(|(_, message)| message).collect();
        if wrong.is_empty() { Ok(changed) } else { Err(Error::new(wrong.join("\n"))) }
    }

    /// JSON Schema of the file.
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(Self).to_value()
    }

    /// What is missing before a template can be made of the repository, in words of `configure`.
    pub fn missing(&self) -> Vec<&'static str> {
        let needed = [(&self.vpc_id, "--vpc-id"), (&self.group_name, "--group-name")];
        needed.into_iter().filter(|(value, _)| value.is_none()).map(|(_, flag)| flag).collect()
    }

    /// The group's settings for a template.
    ///
    /// # Errors
    ///
    /// When VPC or name are not set.
    pub fn group(&self) -> Result<GroupSettings, Error> {
        let (Some(vpc_id), Some(group_name)) = (&self.vpc_id, &self.group_name) else {
            let missing = self.missing().join("` and `");
            return Err(Error::new(format!(
                "the repository is not configured: `portcullis rules configure` needs `{missing}`"
            )));
        };
        Ok(GroupSettings {
            group_name: group_name.clone(),
            description: self.description.clone().unwrap_or_default(),
            vpc_id: vpc_id.clone(),
            tags: self.tags.clone(),
            generated_name: self.generated_name,
        })
    }

    /// The stack's name: the one that is set, else one made of prefix, group and VPC, so that two people who commit the
    /// same repository for the first time mean one stack. At most 128 of `a-zA-Z0-9-`, beginning with a letter.
    ///
    /// ```
    /// use portcullis_rules::Settings;
    ///
    /// let settings = Settings::parse("x", b"vpc_id = 'vpc-82c92af3'\ngroup_name = 'my group'")?;
    /// assert_eq!(settings.stack_name(), "PortcullisSecurityGroup-my-group-82c92af3");
    /// # Ok::<(), portcullis_rules::Error>(())
    /// ```
    pub fn stack_name(&self) -> String {
        if let Some(stack) = &self.stack {
            return stack.clone();
        }
        let fit =
            |text: &str| -> String { text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect() };
        let prefix = fit(self.stack_prefix.as_deref().unwrap_or(STACK_PREFIX));
        let group = fit(self.group_name.as_deref().unwrap_or_default());
        let vpc = self.vpc_id.as_deref().unwrap_or_default().trim_start_matches("vpc-");
        let vpc: String = vpc.chars().take(17).collect();
        let room = 128usize.saturating_sub(prefix.len() + vpc.len() + 2);
        let group: String = group.chars().take(room).collect();
        [prefix.as_str(), group.trim_matches('-'), &vpc]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join("-")
    }
}

#[cfg(test)]
mod tests;
