//! For tests only: [`World`] builds what a test needs on the AWS-like server and reads back how it ended; [`Proxy`] stands
//! in front of the server, injects faults and writes down every call.
//!
//! The server is found in the environment variable `PORTCULLIS_TEST_AWS`, which `cargo xtask test` and
//! `cargo xtask moto -- COMMAND` set. Each world is an AWS account of its own, so tests run side by side on one server.
//!
//! No AWS SDK is used here: what the tests compare with must not share code with what they test.
//!
//! ```no_run
//! use portcullis_testkit::{Fault, Proxy, When, World};
//!
//! let world = World::new();
//! let group = world.group(&world.vpc("10.0.0.0/16"), "web");
//! world.authorise(&group, "ingress tcp 22 0.0.0.0/0", "office");
//!
//! let proxy = Proxy::start(world.endpoint());
//! proxy.inject(When::action("DescribeSecurityGroups").times(2), Fault::Throttled);
//! let mut child = std::process::Command::new("portcullis");
//! world.behind(&proxy).lend_to(&mut child).args(["scan", "--format", "json"]).status().unwrap();
//!
//! assert_eq!(proxy.count("DescribeSecurityGroups"), 3);
//! assert_eq!(world.shapes(&group), ["egress -1 all 0.0.0.0/0", "ingress tcp 22 0.0.0.0/0"]);
//! ```

#![expect(clippy::panic, clippy::expect_used, reason = "a world that cannot be built ends the test that wanted it")]

mod http;
mod proxy;
mod world;
mod xml;

pub use proxy::{Call, Fault, Proxy, When};
pub use world::{Inbox, Organisation, Rule, World};
pub use xml::Element;

/// What a test says that found no server.
pub const NO_SERVER: &str = "start the tests with `cargo xtask test`, or `cargo xtask moto -- cargo nextest run …`";
