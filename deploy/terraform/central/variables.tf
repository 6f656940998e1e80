# What the framework's own configuration knows: the names and the defaults are its own.

variable "environment" {
  description = "Which deployment this is: dev, staging or prod; a part of every name."
  type        = string
  default     = "dev"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,11}$", var.environment))
    error_message = "environment must be 1 to 12 lower-case letters, digits and hyphens, e.g. dev, staging, prod."
  }
}

variable "project_name" {
  description = "What every name begins with."
  type        = string
  default     = "sg-compliance"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.project_name))
    error_message = "project_name must be 2 to 20 lower-case letters, digits and hyphens."
  }
}

variable "aws_region" {
  description = "Where the service lives. The Regions that it watches are scan_regions."
  type        = string
  default     = "us-east-1"
}

variable "target_accounts" {
  description = "The accounts to scan and to take events from, beside this one; each needs the member module. See scan_organization for all."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for account in var.target_accounts : can(regex("^[0-9]{12}$", account))])
    error_message = "target_accounts must be account ids of 12 digits, in quotation marks."
  }
}

variable "dry_run_mode" {
  description = "Whether the service only says what it would do. While true, its roles are not even allowed to change anything."
  type        = bool
  default     = true
}

variable "enable_automatic_remediation" {
  description = "Whether violations are put right without anybody's agreement once their grace period is over. Written into the policy; needs dry_run_mode = false."
  type        = bool
  default     = false
}

variable "real_time_scanning_enabled" {
  description = "Whether changes of security groups are judged as they happen."
  type        = bool
  default     = true
}

variable "immediate_remediation_enabled" {
  description = "Whether what is found in real time is put right at once, and critical violations are locked down. Written into the policy; needs dry_run_mode = false."
  type        = bool
  default     = false
}

variable "emergency_lockdown_enabled" {
  description = "Whether critical violations are locked down. Unless set, as immediate_remediation_enabled; false leaves the rest of it on."
  type        = bool
  default     = null
}

variable "violation_severity_threshold" {
  description = "From which severity on a violation is put right at once. Unless set, as the policy says."
  type        = string
  default     = null

  validation {
    condition     = contains(["critical", "high", "medium", "low", "info"], coalesce(var.violation_severity_threshold, "info"))
    error_message = "violation_severity_threshold must be critical, high, medium, low or info."
  }
}

variable "block_suspicious_users" {
  description = "Whether whoever changes suspiciously many groups is stopped. Written into the policy; needs dry_run_mode = false."
  type        = bool
  default     = false
}

variable "max_operations_per_minute" {
  description = "How many changes by one person in a minute are suspicious. Unless set, as the policy says."
  type        = number
  default     = null

  validation {
    condition     = coalesce(var.max_operations_per_minute, 1) >= 1
    error_message = "max_operations_per_minute must be at least 1."
  }
}

variable "mass_operations_alert_threshold" {
  description = "The alarm for mass operations goes off when more than so many are detected in five minutes."
  type        = number
  default     = 0
}

variable "enable_cloudtrail" {
  description = "Whether a trail is made here. EventBridge hears of changes only where a trail exists: false where the organisation has one."
  type        = bool
  default     = true
}

variable "compliance_schedule" {
  description = "When everything is scanned, as an EventBridge schedule: rate(24 hours), cron(0 9 * * ? *)."
  type        = string
  default     = "rate(24 hours)"

  validation {
    condition     = can(regex("^(rate|cron)\\(.+\\)$", var.compliance_schedule))
    error_message = "compliance_schedule must be rate(…) or cron(…)."
  }
}

variable "notification_email" {
  description = "Who gets the notices and alarms; must agree by the link that Amazon SNS mails. Nobody unless set."
  type        = string
  default     = ""
}

variable "s3_bucket_name" {
  description = "The bucket's name. Unless set, made of the project's name, account and Region."
  type        = string
  default     = ""
}

variable "lambda_timeout" {
  description = "How many seconds a scan may take; what is left when they are nearly over is done by the next."
  type        = number
  default     = 900

  validation {
    condition     = var.lambda_timeout >= 60 && var.lambda_timeout <= 900
    error_message = "lambda_timeout must be between 60 and 900 seconds."
  }
}

variable "lambda_memory_size" {
  description = "Megabytes for a scan; the share of a processor grows with them."
  type        = number
  default     = 512

  validation {
    condition     = var.lambda_memory_size >= 128 && var.lambda_memory_size <= 10240
    error_message = "lambda_memory_size must be between 128 and 10240 MB."
  }
}

variable "log_retention_days" {
  description = "How long logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be a period that CloudWatch Logs knows, e.g. 30, 90, 365."
  }
}

variable "kms_key_deletion_window" {
  description = "For how many days the key can be had back after a removal."
  type        = number
  default     = 7

  validation {
    condition     = var.kms_key_deletion_window >= 7 && var.kms_key_deletion_window <= 30
    error_message = "kms_key_deletion_window must be between 7 and 30 days."
  }
}

variable "tags" {
  description = "Tags of everything that is made."
  type        = map(string)
  default = {
    Project   = "SecurityGroupCompliance"
    ManagedBy = "Terraform"
    Purpose   = "SecurityCompliance"
  }
}

# What the program needs.

variable "lambda_zip" {
  description = "The zip that `cargo xtask dist` makes."
  type        = string
}

variable "lambda_architecture" {
  description = "What that zip is for: arm64 or x86_64."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.lambda_architecture)
    error_message = "lambda_architecture must be arm64 or x86_64."
  }
}

variable "policy_file" {
  description = "The policy, JSON or YAML; check it first: portcullis policy check FILE. Unless set, the pack `recommended`."
  type        = string
  default     = null
}

variable "policy_store" {
  description = "Where the policy is put: s3, or ssm for a parameter (at most 8 KB)."
  type        = string
  default     = "s3"

  validation {
    condition     = contains(["s3", "ssm"], var.policy_store)
    error_message = "policy_store must be s3 or ssm."
  }
}

variable "organization_id" {
  description = "The organisation (o-…) whose accounts may send events and are entered. Unless set, target_accounts alone."
  type        = string
  default     = ""

  validation {
    condition     = var.organization_id == "" || can(regex("^o-[a-z0-9]{10,32}$", var.organization_id))
    error_message = "organization_id must be of the form o-a1b2c3d4e5."
  }
}

variable "scan_organization" {
  description = "Whether all accounts of the organisation are scanned; this account must be its management account or a delegated administrator's."
  type        = bool
  default     = false
}

variable "scan_regions" {
  description = "The Regions to scan; [\"all\"] for all that are enabled. Unless set, aws_region."
  type        = list(string)
  default     = []
}

variable "scan_own_account" {
  description = "Whether this account is scanned with the service's own role."
  type        = bool
  default     = true
}

variable "distributed_scan" {
  description = "Whether a state machine shares a scan out, a call of the function for each account and Region: for more than a quarter of an hour's work. Up to 3,000 of them."
  type        = bool
  default     = false
}

variable "distributed_scan_concurrency" {
  description = "How many calls of a distributed scan run at once."
  type        = number
  default     = 20
}

variable "external_id" {
  description = "The external id of the members' roles."
  type        = string
  default     = ""
  sensitive   = true
}

variable "break_glass_principals" {
  description = "ARNs of who is never blocked, whatever they do."
  type        = list(string)
  default     = []
}

variable "strategy" {
  description = "How violations are put right whatever the policy says: narrow, revoke, replace, lockdown or tag. This is an order: accounts need no enforcement level then."
  type        = string
  default     = ""

  validation {
    condition     = contains(["", "narrow", "revoke", "replace", "lockdown", "tag"], var.strategy)
    error_message = "strategy must be narrow, revoke, replace, lockdown or tag."
  }
}

variable "replace_with" {
  description = "What offending sources become under the strategy replace, e.g. [\"10.0.0.0/8\"]."
  type        = list(string)
  default     = []
}

variable "bad_ports" {
  description = "Ports that must not be open to the internet, beside the policy, e.g. [22, 3389]."
  type        = list(number)
  default     = []
}

variable "publish_metrics" {
  description = "Whether metrics are published; most alarms and the dashboard live on them."
  type        = bool
  default     = true
}

variable "log_level" {
  description = "How much is logged: error, warn, info, debug or trace."
  type        = string
  default     = "info"

  validation {
    condition     = contains(["error", "warn", "info", "debug", "trace"], var.log_level)
    error_message = "log_level must be error, warn, info, debug or trace."
  }
}

variable "report_retention_days" {
  description = "How long reports are kept."
  type        = number
  default     = 400
}

variable "backup_retention_days" {
  description = "How long backups are kept; 0 keeps them for ever."
  type        = number
  default     = 0
}

variable "object_lock_days" {
  description = "For how many days nobody can delete a version of what is kept (S3 Object Lock); 0 for no lock. Only a new bucket can have it."
  type        = number
  default     = 0
}

variable "object_lock_mode" {
  description = "COMPLIANCE: nobody at all, the account's root included. GOVERNANCE: those with s3:BypassGovernanceRetention can."
  type        = string
  default     = "COMPLIANCE"

  validation {
    condition     = contains(["COMPLIANCE", "GOVERNANCE"], var.object_lock_mode)
    error_message = "object_lock_mode must be COMPLIANCE or GOVERNANCE."
  }
}

variable "force_destroy" {
  description = "Whether `terraform destroy` may delete a bucket that holds backups and reports."
  type        = bool
  default     = false
}

variable "scan_expected_within_days" {
  description = "An alarm goes off when no scan ran for so many days, 1 to 7; 0 for none. More than the schedule's period."
  type        = number
  default     = 2

  validation {
    condition     = var.scan_expected_within_days >= 0 && var.scan_expected_within_days <= 7
    error_message = "scan_expected_within_days must be between 0 and 7."
  }
}
