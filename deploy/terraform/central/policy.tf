# The policy as the service reads it: the operator's file, and in it the switches that are variables here. The variables win, so
# that what is on stands in one place.

locals {
  policy     = yamldecode(file(coalesce(var.policy_file, "${path.module}/../../../policies/packs/recommended.yaml")))
  compliance = try(local.policy.compliance_policies, {})
  actions    = try(local.compliance.compliance_actions, {})
  real_time  = try(local.compliance.real_time_scanning, {})
  at_once    = try(local.real_time.remediation_settings, {})
  detection  = try(local.real_time.detection_rules, {})

  remediation = merge(try(local.actions.remediation_settings, {}), {
    automatic_remediation   = var.enable_automatic_remediation
    require_manual_approval = !var.enable_automatic_remediation
  })
  emergency = merge(try(local.at_once.emergency_remediation, {}), {
    enabled = coalesce(var.emergency_lockdown_enabled, var.immediate_remediation_enabled)
  })
  immediate = merge(
    try(local.at_once.immediate_remediation, {}),
    { enabled = var.immediate_remediation_enabled },
    { for key, value in { severity_threshold = var.violation_severity_threshold } : key => value if value != null },
  )
  mass_operations = merge(
    try(local.detection.mass_operations_detected, {}),
    { block_suspicious_users = var.block_suspicious_users },
    { for key, value in { threshold_per_minute = var.max_operations_per_minute } : key => value if value != null },
  )

  policy_document = jsonencode(merge(local.policy, {
    compliance_policies = merge(local.compliance, {
      compliance_actions = merge(local.actions, { remediation_settings = local.remediation })
      real_time_scanning = merge(local.real_time, {
        enabled         = var.real_time_scanning_enabled
        detection_rules = merge(local.detection, { mass_operations_detected = local.mass_operations })
        remediation_settings = merge(local.at_once, {
          emergency_remediation = local.emergency
          immediate_remediation = local.immediate
        })
      })
    })
  }))

  policy_key       = "config/security_policies.json"
  policy_parameter = "/portcullis/${local.prefix}/policy"
  policy_place     = var.policy_store == "s3" ? "s3://${aws_s3_bucket.service.bucket}/${local.policy_key}" : "ssm:${local.policy_parameter}"
}

resource "aws_s3_object" "policy" {
  count = var.policy_store == "s3" ? 1 : 0

  bucket       = aws_s3_bucket.service.bucket
  key          = local.policy_key
  content      = local.policy_document
  content_type = "application/json"

  # Without a checksum nothing can be put under an object lock.
  checksum_algorithm = "SHA256"

  depends_on = [aws_s3_bucket_server_side_encryption_configuration.service, aws_s3_bucket_versioning.service]
}

resource "aws_ssm_parameter" "policy" {
  count = var.policy_store == "ssm" ? 1 : 0

  name        = local.policy_parameter
  description = "The policy by which security groups are judged"
  type        = "SecureString"
  tier        = "Intelligent-Tiering"
  key_id      = aws_kms_key.service.arn
  value       = local.policy_document
}

# A list, not the organisation: one id a line, as `--accounts-from` takes it. Its own account is scanned beside.
resource "aws_s3_object" "accounts" {
  count = length(local.accounts) > 0 && !var.scan_organization ? 1 : 0

  bucket       = aws_s3_bucket.service.bucket
  key          = "config/accounts.txt"
  content      = join("", [for account in local.accounts : "${account}\n"])
  content_type = "text/plain"

  checksum_algorithm = "SHA256"

  depends_on = [aws_s3_bucket_server_side_encryption_configuration.service, aws_s3_bucket_versioning.service]
}

locals {
  accounts = length(var.target_accounts) == 0 ? [] : distinct(concat(var.scan_own_account ? [local.account] : [], var.target_accounts))

  accounts_place = (
    var.scan_organization ? "org" :
    length(local.accounts) > 0 ? "s3://${aws_s3_bucket.service.bucket}/config/accounts.txt" : ""
  )
}

# Where everything is, for people and scripts that do not have Terraform's state.
resource "aws_ssm_parameter" "service" {
  name        = "/portcullis/${local.prefix}/service"
  description = "Where the parts of the security-group service are"
  type        = "String"

  value = jsonencode({
    bucket    = aws_s3_bucket.service.bucket
    event_bus = try(aws_cloudwatch_event_bus.members[0].arn, null)
    key       = aws_kms_key.service.arn
    policy    = local.policy_place
    queue     = aws_sqs_queue.events.url
    role      = aws_iam_role.service.arn
    scanner   = aws_lambda_function.scanner.function_name
    responder = aws_lambda_function.responder.function_name
    table     = aws_dynamodb_table.state.name
    topic     = aws_sns_topic.notices.arn
  })
}
