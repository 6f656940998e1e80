//! VPC flow logs: read, digested, attributed to rules.
