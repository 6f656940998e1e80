# One program, two functions: a scan may take its time, an event may not, and a queue's patience is counted in its function's timeouts.

locals {
  responder_timeout = 60

  # Unset is not the same as empty.
  environment = { for name, value in {
    PORTCULLIS_ACCOUNTS_FROM = local.accounts_place
    PORTCULLIS_BACKUP        = "s3://${aws_s3_bucket.service.bucket}/backups"
    PORTCULLIS_BAD_PORTS     = join(",", var.bad_ports)
    PORTCULLIS_BREAK_GLASS   = join(",", var.break_glass_principals)
    PORTCULLIS_ENFORCE       = tostring(!var.dry_run_mode)
    PORTCULLIS_EXTERNAL_ID   = var.external_id
    PORTCULLIS_KMS_KEY       = aws_kms_key.service.arn
    PORTCULLIS_METRICS       = tostring(var.publish_metrics)
    PORTCULLIS_NOTIFY        = "sns:${aws_sns_topic.notices.arn}"
    PORTCULLIS_POLICY        = local.policy_place
    PORTCULLIS_REGIONS       = join(",", local.regions)
    PORTCULLIS_REPLACE_WITH  = join(",", var.replace_with)
    PORTCULLIS_REPORTS       = "s3://${aws_s3_bucket.service.bucket}/reports"
    PORTCULLIS_ROLE_NAME     = local.has_members ? local.member_role : ""
    PORTCULLIS_STATE         = "dynamodb://${aws_dynamodb_table.state.name}"
    PORTCULLIS_STRATEGY      = var.strategy
    RUST_LOG                 = var.log_level
  } : name => value if value != "" }

  regions     = length(var.scan_regions) > 0 ? var.scan_regions : [var.aws_region]
  member_role = "${local.prefix}-cross-account-role"
}

resource "aws_lambda_function" "scanner" {
  function_name    = "${local.prefix}-compliance-scanner"
  description      = "Scans every account by schedule and on request"
  role             = aws_iam_role.service.arn
  filename         = var.lambda_zip
  source_code_hash = filebase64sha256(var.lambda_zip)
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.lambda_architecture]
  timeout          = var.lambda_timeout
  memory_size      = var.lambda_memory_size
  kms_key_arn      = aws_kms_key.service.arn

  environment {
    variables = local.environment
  }

  depends_on = [aws_cloudwatch_log_group.functions, aws_iam_role_policy.service]
}

resource "aws_lambda_function" "responder" {
  function_name    = "${local.prefix}-responder"
  description      = "Answers changes of security groups as they happen"
  role             = aws_iam_role.service.arn
  filename         = var.lambda_zip
  source_code_hash = filebase64sha256(var.lambda_zip)
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.lambda_architecture]
  timeout          = local.responder_timeout
  memory_size      = var.lambda_memory_size
  kms_key_arn      = aws_kms_key.service.arn

  environment {
    variables = local.environment
  }

  depends_on = [aws_cloudwatch_log_group.functions, aws_iam_role_policy.service]
}

resource "aws_cloudwatch_log_group" "functions" {
  for_each = toset(["compliance-scanner", "responder"])

  name              = "/aws/lambda/${local.prefix}-${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.service.arn
}

resource "aws_lambda_event_source_mapping" "events" {
  function_name           = aws_lambda_function.responder.arn
  event_source_arn        = aws_sqs_queue.events.arn
  batch_size              = 10
  function_response_types = ["ReportBatchItemFailures"]

  # More at once would only wait for EC2's own limits.
  scaling_config {
    maximum_concurrency = 5
  }
}

# A scan that fails is tried once more, and is then a message that an alarm sees.
resource "aws_lambda_function_event_invoke_config" "scanner" {
  function_name          = aws_lambda_function.scanner.function_name
  maximum_retry_attempts = 1

  destination_config {
    on_failure {
      destination = aws_sqs_queue.dead_letters.arn
    }
  }
}
