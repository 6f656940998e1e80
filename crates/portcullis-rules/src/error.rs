//! Why a repository cannot be worked with.

use portcullis_formats::diagnostics::Diagnostics;

/// What is wrong with a repository or with what is asked of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Something that needs no place in a file.
    #[error("{0}")]
    Message(String),
    /// What is wrong with files, with places and excerpts.
    #[error(transparent)]
    Files(#[from] Diagnostics),
}

impl Error {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self::Message(message.into())
    }
}
