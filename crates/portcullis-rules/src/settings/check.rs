//! What AWS would refuse of settings, said before anything is asked of it.

use portcullis_core::model::is_region;

use super::Settings;

impl Settings {
    /// Keys and what is wrong with them.
    pub(super) fn wrong(&self) -> Vec<(String, String)> {
        let mut wrong = Vec::new();
        let mut check = |key: &str, value: Option<&String>, why: fn(&str) -> Option<&'static str>| {
            if let Some(value) = value
                && let Some(why) = why(value)
            {
                wrong.push((key.to_owned(), format!("`{key}` is `{value}`: {why}")));
            }
        };
        check("vpc_id", self.vpc_id.as_ref(), |text| {
            (!is_vpc(text)).then_some("`vpc-` and letters or digits are expected")
        });
        check("group_name", self.group_name.as_ref(), group_name);
        check("region", self.region.as_ref(), |text| {
            (!is_region(text)).then_some("a Region's name such as `eu-west-1` is expected")
        });
        check("description", self.description.as_ref(), |text| {
            (text.is_empty() || !is_group_text(text))
                .then_some("1 to 255 letters, digits, spaces and `._-:/()#,@[]+=&;{}!$*` are expected")
        });
        check("stack", self.stack.as_ref(), |text| {
            (!is_stack(text, 128)).then_some("a letter and up to 127 letters, digits and hyphens are expected")
        });
        check("stack_prefix", self.stack_prefix.as_ref(), |text| {
            (!is_stack(text, 64)).then_some("a letter and up to 63 letters, digits and hyphens are expected")
        });
        for (key, value) in [("profile", &self.profile), ("role_name", &self.role_name)] {
            check(key, value.as_ref(), |text| text.trim().is_empty().then_some("a name is expected"));
        }
        for (key, value) in &self.tags {
            if let Some(why) = tag(key, value) {
                wrong.push((key.clone(), format!("tag `{key}`: {why}")));
            }
        }
        if self.tags.len() > 50 {
            wrong.push(("tags".to_owned(), format!("{} tags, and AWS takes 50", self.tags.len())));
        }
        wrong
    }
}

/// `vpc-` with 8 or 17 hexadecimal digits; old accounts and tests have others.
fn is_vpc(text: &str) -> bool {
    let digits = text.strip_prefix("vpc-").unwrap_or_default();
    !digits.is_empty() && digits.len() <= 32 && digits.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Source: Amazon EC2 API Reference, `CreateSecurityGroup`.
fn is_group_text(text: &str) -> bool {
    text.chars().count() <= 255
        && text.chars().all(|c| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c))
}

fn group_name(text: &str) -> Option<&'static str> {
    if text.trim().is_empty() || text.trim() != text {
        Some("a name without spaces around it is expected")
    } else if !is_group_text(text) {
        Some("up to 255 letters, digits, spaces and `._-:/()#,@[]+=&;{}!$*` are expected")
    } else if text.starts_with("sg-") {
        Some("AWS takes no name that begins with `sg-`")
    } else if text.eq_ignore_ascii_case("default") {
        Some("no group but the VPC's own may be called so")
    } else {
        None
    }
}

/// Source: AWS CloudFormation API Reference, `CreateStack`.
fn is_stack(text: &str, most: usize) -> bool {
    text.len() <= most
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Source: AWS General Reference, "Tagging AWS resources".
fn tag(key: &str, value: &str) -> Option<&'static str> {
    let fits = |text: &str| text.chars().all(|c| c.is_alphanumeric() || " +-=._:/@".contains(c));
    if key.is_empty() || key.chars().count() > 128 || !fits(key) {
        Some("a key is 1 to 128 letters, digits, spaces and `+-=._:/@`")
    } else if key.to_lowercase().starts_with("aws:") {
        Some("keys that begin with `aws:` are AWS's own")
    } else if value.chars().count() > 256 || !fits(value) {
        Some("a value is up to 256 letters, digits, spaces and `+-=._:/@`")
    } else {
        None
    }
}
