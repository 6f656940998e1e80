# This account's and Region's changes of security groups, to the service's bus.

data "aws_region" "current" {}

resource "aws_cloudwatch_event_rule" "changes" {
  count = var.event_bus_arn == null ? 0 : 1

  name          = "${local.prefix}-changes"
  description   = "Changes of security groups, to the security-group service"
  event_pattern = file("${path.module}/../event-pattern.json")
  tags          = var.tags
}

resource "aws_cloudwatch_event_target" "changes" {
  count = var.event_bus_arn == null ? 0 : 1

  rule     = aws_cloudwatch_event_rule.changes[0].name
  arn      = var.event_bus_arn
  role_arn = aws_iam_role.sender[0].arn
}

resource "aws_iam_role" "sender" {
  count = var.event_bus_arn == null ? 0 : 1

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
  count = var.event_bus_arn == null ? 0 : 1

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
