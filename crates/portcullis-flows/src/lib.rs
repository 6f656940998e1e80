//! VPC flow logs: read, digested, attributed to rules.
//!
//! Bytes in, sums out. [`digest()`] takes inputs of any form (text with its columns in any order, gzip, Parquet) and groups
//! their records by fields; nothing is kept of a record but what it adds to its key's sums. Text is cut into blocks of
//! whole lines, Parquet into row groups, and all cores work on whatever is next; each sums up for itself, in parts by the
//! hash of the key, and parts are put together at the end. Sums that outgrow the memory allowed go to temporary files.

mod aggregate;
pub mod attributed;
pub mod columns;
pub mod ddl;
pub mod digest;
pub mod field;
pub mod input;
pub mod key;
mod layout;
mod line;
mod parquet;
mod parse;
mod positioned;
pub mod problems;
pub mod progress;
pub mod render;
pub mod rows;
pub mod select;
mod spill;
mod table;
mod text;
pub mod totals;

pub use columns::Columns;
pub use digest::{Digest, Query, digest};
pub use field::Field;
pub use input::Input;
pub use progress::Progress;
pub use select::Selection;
