//! Why a plan file is refused.

use portcullis_core::remediation::Flaw;

use crate::record::{HeadError, shown};

/// Why a plan file is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The text is no plan.
    #[error("it is no plan file: {0}")]
    Syntax(String),
    /// Another version of the format.
    #[error(
        "it has schema version `{0}`, and this portcullis reads version `1`: use the portcullis that made it, or make \
         the plan anew"
    )]
    Version(String),
    /// Something in it is not what it must be.
    #[error("it does not hold, somebody or something changed it: {0}; make the plan anew with `portcullis plan`")]
    DoesNotHold(String),
}

impl From<HeadError> for PlanError {
    fn from(error: HeadError) -> Self {
        match error {
            HeadError::Syntax(why) => Self::Syntax(why),
            HeadError::Version(version) => Self::Version(version),
        }
    }
}

impl From<serde_json::Error> for PlanError {
    fn from(error: serde_json::Error) -> Self {
        Self::Syntax(shown(&error.to_string()))
    }
}

impl From<Flaw> for PlanError {
    fn from(flaw: Flaw) -> Self {
        Self::DoesNotHold(shown(&flaw.to_string()))
    }
}
