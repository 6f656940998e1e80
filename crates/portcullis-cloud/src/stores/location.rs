//! Where things are kept, as people write it.

use std::fmt;
use std::str::FromStr;

/// A place on AWS.
///
/// ```
/// use portcullis_cloud::stores::Location;
///
/// let location = "s3://audit-bucket/portcullis/".parse::<Location>();
/// assert_eq!(location.map(|location| location.to_string()), Ok("s3://audit-bucket/portcullis".to_owned()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Location {
    /// `s3://bucket/prefix`
    S3(S3Location),
    /// `ssm:name`: a parameter, by its name or ARN.
    Ssm(String),
    /// `dynamodb://table`
    DynamoDb(String),
}

/// A bucket and what is below a prefix, or one object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct S3Location {
    /// The bucket.
    pub bucket: String,
    /// The prefix without a slash at its end, or the object's key; empty for the whole bucket.
    pub prefix: String,
}

impl S3Location {
    /// The key of what has this name below the prefix.
    pub fn key(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", self.prefix) }
    }
}

impl fmt::Display for S3Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.bucket)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S3(location) => location.fmt(f),
            Self::Ssm(name) => write!(f, "ssm:{name}"),
            Self::DynamoDb(table) => write!(f, "dynamodb://{table}"),
        }
    }
}

/// Why a text is no place on AWS.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// It begins with nothing that is known.
    #[error("`{0}` is no place on AWS: write `s3://bucket/prefix`, `ssm:name` or `dynamodb://table`")]
    Scheme(String),
    /// Its bucket cannot be one.
    #[error("`{text}` names no bucket: {why}")]
    Bucket {
        /// What was written.
        text: String,
        /// What is wrong.
        why: &'static str,
    },
    /// What follows the bucket cannot be a prefix.
    #[error("`{text}` has no prefix that can be used: {why}")]
    Prefix {
        /// What was written.
        text: String,
        /// What is wrong.
        why: &'static str,
    },
    /// Its name cannot be a parameter's.
    #[error("`{text}` names no parameter: {why}")]
    Parameter {
        /// What was written.
        text: String,
        /// What is wrong.
        why: &'static str,
    },
    /// Its name cannot be a table's.
    #[error(
        "`{0}` names no table: a name is 3 to 255 of letters, digits and `_.-`, as in `dynamodb://portcullis-state`"
    )]
    Table(String),
}

impl FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        if text.starts_with("s3:") {
            return text.parse().map(Self::S3);
        }
        if let Some(name) = text.strip_prefix("ssm:") {
            return parameter(text, name);
        }
        let Some(table) = text.strip_prefix("dynamodb://") else { return Err(LocationError::Scheme(text.to_owned())) };
        // Source: Amazon DynamoDB Developer Guide, "Naming rules".
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
        if !(3..=255).contains(&table.len()) || !table.bytes().all(fits) {
            return Err(LocationError::Table(text.to_owned()));
        }
        Ok(Self::DynamoDb(table.to_owned()))
    }
}

/// Source: AWS Systems Manager API Reference, "PutParameter": names of up to 1,011 letters, digits and `_.-/`. A colon
/// stands before a version or label, and in ARNs.
fn parameter(text: &str, name: &str) -> Result<Location, LocationError> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"_.-/:".contains(&b);
    let why = if name.is_empty() {
        "write its name behind the colon, as in `ssm:/portcullis/policy`"
    } else if name.starts_with("//") {
        "its name begins right behind the colon, as in `ssm:/portcullis/policy`"
    } else if name.len() > 1011 || !name.bytes().all(fits) {
        "a name is at most 1,011 of letters, digits and `_.-/`"
    } else {
        return Ok(Location::Ssm(name.to_owned()));
    };
    Err(LocationError::Parameter { text: text.to_owned(), why })
}

impl FromStr for S3Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        let Some(rest) = text.strip_prefix("s3://") else { return Err(LocationError::Scheme(text.to_owned())) };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if let Some(why) = no_bucket(bucket) {
            return Err(LocationError::Bucket { text: text.to_owned(), why });
        }
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        if let Some(why) = no_prefix(prefix) {
            return Err(LocationError::Prefix { text: text.to_owned(), why });
        }
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

/// Source: Amazon S3 User Guide, "General purpose bucket naming rules".
fn no_bucket(bucket: &str) -> Option<&'static str> {
    let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if bucket.is_empty() {
        Some("write it behind the slashes, as in `s3://bucket/prefix`")
    } else if bucket == "arn:aws:s3" || bucket.starts_with("arn:") {
        Some("ARNs are not taken here: write the bucket's name, or an access point's alias")
    } else if !(3..=63).contains(&bucket.len()) {
        Some("a bucket's name has 3 to 63 characters")
    } else if !bucket.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-".contains(&b)) {
        Some("a bucket's name has lower-case letters, digits, `.` and `-` only")
    } else if !edge(bucket.bytes().next()) || !edge(bucket.bytes().last()) {
        Some("a bucket's name begins and ends with a letter or digit")
    } else if bucket.contains("..") || bucket.parse::<std::net::Ipv4Addr>().is_ok() {
        Some("a bucket's name has no two periods side by side and is no IP address")
    } else {
        None
    }
}

/// Keys have up to 1,024 bytes, of which ours need some. Source: Amazon S3 User Guide, "Naming Amazon S3 objects".
fn no_prefix(prefix: &str) -> Option<&'static str> {
    if prefix.len() > 700 {
        Some("it is longer than 700 bytes")
    } else if prefix.chars().any(char::is_control) {
        Some("it holds a control character")
    } else if prefix.split('/').any(|part| matches!(part, "." | "..")) {
        Some("`.` and `..` between slashes do not mean on S3 what they mean in a folder")
    } else if prefix.starts_with('/') || prefix.ends_with('/') || prefix.contains("//") {
        Some("a slash stands beside another")
    } else {
        None
    }
}
