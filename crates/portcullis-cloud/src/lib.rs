//! AWS without its SDK: what is asked of it, as traits with types of our own, and everything that is built on them alone.
//! The real client is a crate of its own, because the SDK takes minutes to compile.

pub mod accounts;
pub mod api;
pub mod change;
pub mod collect;
pub mod error;
pub mod faults;
pub mod model;
pub mod pace;
pub mod patience;
pub mod shapes;
pub mod stores;
pub mod tasks;
