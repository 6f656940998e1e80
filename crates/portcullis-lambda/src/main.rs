//! The Lambda door: events from AWS to the use cases of the runtime.

fn main() {}
