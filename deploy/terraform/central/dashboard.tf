locals {
  # Titles with the metrics of each graph, two in a row.
  graphs = [
    { title = "Violations", stat = "Maximum", metrics = [[local.ours, "ComplianceViolations"], [local.ours, "CriticalViolationsFound"]] },
    { title = "Violations by severity", stat = "Maximum", metrics = [for severity in ["critical", "high", "medium", "low"] : [local.ours, "ComplianceViolations", "Severity", severity]] },
    { title = "What was done", stat = "Sum", metrics = [[local.ours, "RemediationActions"], [local.ours, "EmergencyRemediationsPerformed"]] },
    { title = "Score", stat = "Minimum", metrics = [[local.ours, "ComplianceScore"]] },
    { title = "From a change to its verdict (seconds)", stat = "p95", metrics = [[local.ours, "RealTimeScanDuration"]] },
    { title = "Mass operations", stat = "Sum", metrics = [[local.ours, "MassOperationsDetected"]] },
    { title = "Scans (seconds)", stat = "Maximum", metrics = [[local.ours, "ScanDuration"]] },
    { title = "Errors", stat = "Sum", metrics = concat([[local.ours, "LambdaErrors"]], [for name in [local.scanner.FunctionName, local.responder.FunctionName] : ["AWS/Lambda", "Errors", "FunctionName", name]]) },
    { title = "Queues", stat = "Maximum", metrics = [for name in [local.queue.QueueName, local.dead_letters.QueueName] : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", name]] },
  ]
}

resource "aws_cloudwatch_dashboard" "service" {
  dashboard_name = "${local.prefix}-compliance"

  dashboard_body = jsonencode({
    widgets = [for place, graph in local.graphs : {
      type       = "metric"
      x          = place % 2 * 12
      y          = floor(place / 2) * 6
      width      = 12
      height     = 6
      properties = { title = graph.title, metrics = graph.metrics, stat = graph.stat, region = var.aws_region, period = 300, view = "timeSeries" }
    }]
  })
}
