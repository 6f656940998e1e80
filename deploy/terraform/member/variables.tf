variable "environment" {
  description = "As of the central module."
  type        = string
  default     = "dev"
}

variable "project_name" {
  description = "As of the central module."
  type        = string
  default     = "sg-compliance"
}

variable "hub_role_arn" {
  description = "Who enters: the output `role` of the central module."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$", var.hub_role_arn))
    error_message = "hub_role_arn must be a role's ARN: the output `role` of the central module."
  }
}

variable "external_id" {
  description = "As of the central module."
  type        = string
  default     = ""
  sensitive   = true
}

variable "dry_run_mode" {
  description = "Whether the role may only read. As of the central module."
  type        = bool
  default     = true
}

variable "block_suspicious_users" {
  description = "Whether the role may block users and roles. As of the central module; needs dry_run_mode = false."
  type        = bool
  default     = false
}

variable "event_bus_arn" {
  description = "Where changes are sent: the output `event_bus` of the central module."
  type        = string
  default     = null
}

variable "send_events" {
  description = "Whether changes are sent as they happen."
  type        = bool
  default     = true
}

variable "create_role" {
  description = "Whether the role is made: once an account. The module is used once more for each further Region, without it, for its events."
  type        = bool
  default     = true
}

variable "permissions_boundary" {
  description = "The ARN of a permissions boundary of the role."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of everything that is made."
  type        = map(string)
  default     = {}
}
