//! Plans: the planner against a naive one, and cases by hand.

mod cases;
mod covers;
mod naive;
mod random;
