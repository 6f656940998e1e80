//! Security group rules kept as text files, and the CloudFormation template that they make.
