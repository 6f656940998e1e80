//! Why a backup file is refused.

use crate::record::{HeadError, shown};

/// Why a backup file is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackupError {
    /// The text is no backup.
    #[error("it is no backup file: {0}")]
    Syntax(String),
    /// Another version of the format.
    #[error("it has schema version `{0}`, and this portcullis reads version `1`: use the portcullis that took it")]
    Version(String),
    /// Something in it is not what was written.
    #[error("it is damaged: {0}; use another backup of the group")]
    Damaged(String),
}

impl From<HeadError> for BackupError {
    fn from(error: HeadError) -> Self {
        match error {
            HeadError::Syntax(why) => Self::Syntax(why),
            HeadError::Version(version) => Self::Version(version),
        }
    }
}

impl From<serde_json::Error> for BackupError {
    fn from(error: serde_json::Error) -> Self {
        Self::Syntax(shown(&error.to_string()))
    }
}
