//! A second opinion of the whole program: models in another language that share nothing with it, not even a mistake in what
//! was meant, on worlds of the same seeds each time. `python tests/models/NAME.py PORTCULLIS SEED SIZE` tries others.

use std::process::Command;

use crate::harness::{Place, root};

fn agree(model: &str, seeds: std::ops::Range<u32>, size: u32) {
    assert!(std::env::var_os("PORTCULLIS_TEST_AWS").is_some(), "run this test through `cargo xtask moto -- …`");
    for seed in seeds {
        let place = Place::new();
        let mut command = Command::new("python");
        command.arg(root().join("tests/models").join(model)).arg(assert_cmd::cargo::cargo_bin!("portcullis"));
        command.args([seed.to_string(), size.to_string()]).current_dir(place.path());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{model} {seed} {size}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn verdicts_are_those_of_the_model() {
    agree("verdicts.py", 1..4, 40);
}

#[test]
fn narrow_plans_cut_what_the_model_says_and_are_taken_back() {
    agree("plans.py", 1..4, 25);
}

#[test]
fn what_flow_logs_say_is_what_the_model_says() {
    agree("flows.py", 1..9, 120);
}
