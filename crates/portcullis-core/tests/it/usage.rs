//! What flow logs say of rules.

mod cases;
mod fixture;
mod naive;
mod opening;
mod random;
mod suggest;
