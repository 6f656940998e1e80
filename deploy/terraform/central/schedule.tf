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

  rule = aws_cloudwatch_event_rule.scans[each.key].name
  arn  = aws_lambda_function.scanner.arn
}

resource "aws_lambda_permission" "scans" {
  for_each = local.scans

  statement_id  = "${each.key}-scan"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.scanner.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.scans[each.key].arn
}
