//! The algebra: canonical sets of addresses, services and traffic.

pub mod addresses;
pub mod cidr;
pub mod interval;
pub mod service;
pub mod special;
pub mod traffic;

pub use addresses::AddressSet;
pub use cidr::{Address, AnyCidr, Cidr, CidrError, Family, Ipv4Cidr, Ipv6Cidr};
pub use interval::{Interval, IntervalSet, Point};
pub use service::{ALL_SERVICES, LAST_SERVICE, Protocol, RuleServices, ServiceSet};
pub use traffic::{PeerSet, Segment, Symbol, Traffic};
