# This account's and Region's changes of security groups, to the service's bus.

data "aws_region" "current" {}

resource "aws_cloudwatch_event_rule" "changes" {
  count = var.send_events ? 1 : 0

  name          = "${local.prefix}-changes"
  description   = "Changes of security groups, to the security-group service"
  event_pattern = file("${path.module}/../event-pattern.json")
  tags          = var.tags

  lifecycle {
    precondition {
      condition     = var.event_bus_arn != null
      error_message = "send_events needs event_bus_arn: the output `event_bus` of the central module."
    }
  }
}

resource "aws_cloudwatch_event_target" "changes" {
  count = var.send_events ? 1 : 0

  rule     = aws_cloudwatch_event_rule.changes[0].name
  arn      = var.event_bus_arn
  role_arn = aws_iam_role.sender[0].arn
}

resource "aws_iam_role" "sender" {
  count = var.send_events ? 1 : 0

  name                 = "${local.prefix}-events-${data.aws_region.current.id}"
  description          = "Sends changes of security groups to the security-group service"
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "sender" {
  count = var.send_events ? 1 : 0

  name = "send"
  role = aws_iam_role.sender[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "SendChanges"
      Effect   = "Allow"
      Action   = "events:PutEvents"
      Resource = var.event_bus_arn
    }]
  })
}
