# Scans: by the clock, and when somebody asks for one:
#   aws events put-events --entries 'Source=custom.security.compliance,DetailType="Manual Compliance Scan",Detail="{\"scan_type\":\"manual\"}"'

locals {
  scans = {
    scheduled = { schedule = var.compliance_schedule, pattern = null }
    manual = {
      schedule = null
      pattern  = jsonencode({ source = ["custom.security.compliance"], detail-type = ["Manual Compliance Scan"] })
    }
  }
}

resource "aws_cloudwatch_event_rule" "scans" {
  for_each = local.scans

  name                = "${local.prefix}-${each.key}-scan"
  description         = "Scans every account (${each.key})"
  schedule_expression = each.value.schedule
  event_pattern       = each.value.pattern
}

resource "aws_cloudwatch_event_target" "scans" {
  for_each = local.scans

  rule     = aws_cloudwatch_event_rule.scans[each.key].name
  arn      = var.distributed_scan ? aws_sfn_state_machine.scan[0].arn : aws_lambda_function.scanner.arn
  role_arn = var.distributed_scan ? aws_iam_role.starter[0].arn : null
}

resource "aws_lambda_permission" "scans" {
  for_each = local.scans

  statement_id  = "${each.key}-scan"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.scanner.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.scans[each.key].arn
}

# What waits for its grace minutes is done by the next call that finds it due; this is that call where nothing else happens.
resource "aws_cloudwatch_event_rule" "due" {
  count = var.immediate_remediation_enabled && !var.dry_run_mode ? 1 : 0

  name                = "${local.prefix}-due"
  description         = "Does what has become due"
  schedule_expression = "rate(1 minute)"
}

resource "aws_cloudwatch_event_target" "due" {
  count = length(aws_cloudwatch_event_rule.due)

  rule = aws_cloudwatch_event_rule.due[0].name
  arn  = aws_lambda_function.responder.arn

  # No scan, as an event of the schedule's own would be.
  input = jsonencode({ source = "custom.security.compliance", detail-type = "Look At What Is Due", detail = {} })
}

resource "aws_lambda_permission" "due" {
  count = length(aws_cloudwatch_event_rule.due)

  statement_id  = "due"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.responder.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.due[0].arn
}
