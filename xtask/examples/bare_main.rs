//! A yardstick for start-up: the least that a Rust program does.

#![expect(clippy::print_stdout, reason = "what it is for")]

fn main() {
    println!("bare");
}
