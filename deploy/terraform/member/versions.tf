# No provider of its own: it is the caller's, with the member's account and Region.
terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.60, < 7.0"
    }
  }
}

locals {
  prefix = "${var.project_name}-${var.environment}"
}
