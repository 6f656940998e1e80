//! What flow logs say of rules.

mod cases;
mod fixture;
mod naive;
mod random;
mod suggest;
