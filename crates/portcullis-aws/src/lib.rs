//! AWS itself: the only crate that sees the SDK.

pub mod calls;
pub mod permissions;
pub mod real;

use portcullis_cloud::{api, error, shapes};
