//! Groups kept as rules files, on AWS accounts of the AWS-like server.

mod drift;
mod failing;
mod flows;
mod imports;
mod session;
mod several;
mod shop;

use shop::Shop;
