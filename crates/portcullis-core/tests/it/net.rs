//! The algebra.

mod cidr;
mod interval;
mod service;
mod special;
mod traffic;
