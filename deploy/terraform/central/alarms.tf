# Each alarm says in its description where to read what to do: docs/operations.md has a heading of its name.

locals {
  ours = "SecurityGroup/Compliance"

  scanner      = { FunctionName = aws_lambda_function.scanner.function_name }
  responder    = { FunctionName = aws_lambda_function.responder.function_name }
  queue        = { QueueName = aws_sqs_queue.events.name }
  dead_letters = { QueueName = aws_sqs_queue.dead_letters.name }

  # The value above which each goes off, within a period of seconds. Nothing measured is no alarm, save where it says so.
  alarms = merge(local.own_alarms, local.aws_alarms, local.machine_alarms)

  own_alarms = {
    violations      = { what = "More than ten violations stand", namespace = local.ours, metric = "ComplianceViolations", statistic = "Maximum", above = 10, period = 300, dimensions = {} }
    critical        = { what = "A critical violation was found", namespace = local.ours, metric = "CriticalViolationsFound", statistic = "Maximum", above = 0, period = 300, dimensions = {} }
    errors          = { what = "The service reports errors", namespace = local.ours, metric = "LambdaErrors", statistic = "Sum", above = 0, period = 300, dimensions = {} }
    scan-duration   = { what = "A scan took more than ten minutes", namespace = local.ours, metric = "ScanDuration", statistic = "Maximum", above = 600, period = 300, dimensions = {} }
    real-time       = { what = "A change was judged more than fifteen seconds after it happened", namespace = local.ours, metric = "RealTimeScanDuration", statistic = "Maximum", above = 15, period = 300, dimensions = {} }
    mass-operations = { what = "Somebody changes suspiciously many groups", namespace = local.ours, metric = "MassOperationsDetected", statistic = "Sum", above = var.mass_operations_alert_threshold, period = 300, dimensions = {} }
    lockdown        = { what = "A group was locked down", namespace = local.ours, metric = "EmergencyRemediationsPerformed", statistic = "Sum", above = 0, period = 300, dimensions = {} }
  }

  aws_alarms = {
    scanner-errors      = { what = "A scan ended in an error", namespace = "AWS/Lambda", metric = "Errors", statistic = "Sum", above = 0, period = 300, dimensions = local.scanner }
    scanner-duration    = { what = "A scan ran for more than ten minutes", namespace = "AWS/Lambda", metric = "Duration", statistic = "Maximum", above = 600000, period = 300, dimensions = local.scanner }
    responder-errors    = { what = "Events could not be answered", namespace = "AWS/Lambda", metric = "Errors", statistic = "Sum", above = 0, period = 300, dimensions = local.responder }
    responder-throttles = { what = "Events wait for Lambda's limits", namespace = "AWS/Lambda", metric = "Throttles", statistic = "Sum", above = 0, period = 300, dimensions = local.responder }
    queue-age           = { what = "An event waits for more than five minutes", namespace = "AWS/SQS", metric = "ApproximateAgeOfOldestMessage", statistic = "Maximum", above = 300, period = 60, dimensions = local.queue }
    dead-letters        = { what = "Events were given up", namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", statistic = "Maximum", above = 0, period = 60, dimensions = local.dead_letters }
  }

  machine_alarms = { for name, alarm in {
    distributed-scan = { what = "A scan of all accounts is not complete", namespace = "AWS/States", metric = "ExecutionsFailed", statistic = "Sum", above = 0, period = 300, dimensions = { StateMachineArn = local.machine_arn } }
  } : name => alarm if var.distributed_scan }
}

resource "aws_cloudwatch_metric_alarm" "service" {
  for_each = { for name, alarm in local.alarms : name => alarm if alarm.namespace != local.ours || var.publish_metrics }

  alarm_name          = "${local.prefix}-${each.key}"
  alarm_description   = "${each.value.what}: docs/operations.md#${each.key}"
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.above
  period              = each.value.period
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.notices.arn]
  ok_actions          = [aws_sns_topic.notices.arn]
}

# The one that goes off because nothing is heard.
resource "aws_cloudwatch_metric_alarm" "no_scan" {
  count = var.scan_expected_within_days > 0 ? 1 : 0

  alarm_name          = "${local.prefix}-no-scan"
  alarm_description   = "No scan ran for ${var.scan_expected_within_days} days: docs/operations.md#no-scan"
  namespace           = "AWS/Lambda"
  metric_name         = "Invocations"
  dimensions          = local.scanner
  statistic           = "Sum"
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  period              = 86400
  evaluation_periods  = var.scan_expected_within_days
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.notices.arn]
  ok_actions          = [aws_sns_topic.notices.arn]
}
