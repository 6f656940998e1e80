//! Verdicts: the evaluator against the naive judge, and tables of the contract's sentences.

mod findings;
mod policies;
pub(crate) mod random;
mod sentences;
mod surroundings;
