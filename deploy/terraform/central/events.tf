# Changes of security groups, from this account and from the members', into one queue. A queue and not the function itself: a storm
# is taken in batches, and a message that nobody can answer ends in the dead-letter queue while the others go on.

locals {
  # Written here, since the first stands in its queue's own policy, and nobody need wait for either queue.
  dead_letters_arn = "arn:${local.partition}:sqs:${var.aws_region}:${local.account}:${local.prefix}-dead-letters"
  queue_arn        = "arn:${local.partition}:sqs:${var.aws_region}:${local.account}:${local.prefix}-events"
}

resource "aws_sqs_queue" "events" {
  name                       = "${local.prefix}-events"
  policy                     = data.aws_iam_policy_document.events.json
  sqs_managed_sse_enabled    = true
  visibility_timeout_seconds = 6 * local.responder_timeout
  message_retention_seconds  = 4 * 24 * 60 * 60

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters.arn
    maxReceiveCount     = 5
  })
}

resource "aws_sqs_queue" "dead_letters" {
  name                      = "${local.prefix}-dead-letters"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 14 * 24 * 60 * 60

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [local.queue_arn]
  })
}

data "aws_iam_policy_document" "events" {
  dynamic "statement" {
    for_each = var.real_time_scanning_enabled ? [concat(aws_cloudwatch_event_rule.changes[*].arn, aws_cloudwatch_event_rule.members[*].arn)] : []

    content {
      sid       = "RulesSend"
      actions   = ["sqs:SendMessage"]
      resources = [local.queue_arn]

      principals {
        type        = "Service"
        identifiers = ["events.amazonaws.com"]
      }

      condition {
        test     = "ArnEquals"
        variable = "aws:SourceArn"
        values   = statement.value
      }
    }
  }

  statement {
    sid       = "EncryptedConnectionsOnly"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [local.queue_arn]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_cloudwatch_event_rule" "changes" {
  count = var.real_time_scanning_enabled && var.scan_own_account ? 1 : 0

  name          = "${local.prefix}-changes"
  description   = "Changes of this account's security groups"
  event_pattern = file("${path.module}/../event-pattern.json")
}

resource "aws_cloudwatch_event_target" "changes" {
  count = length(aws_cloudwatch_event_rule.changes)

  rule = aws_cloudwatch_event_rule.changes[0].name
  arn  = aws_sqs_queue.events.arn
}

# The members' rules send here. Who may is an account of the organisation or of the list, and nobody can send an event in the name
# of AWS's own services or of another account: EventBridge itself fills in both.
locals {
  has_members = var.organization_id != "" || length(var.target_accounts) > 0
}

resource "aws_cloudwatch_event_bus" "members" {
  count = local.has_members ? 1 : 0

  name = "${local.prefix}-members"
}

resource "aws_cloudwatch_event_bus_policy" "members" {
  count = local.has_members ? 1 : 0

  event_bus_name = aws_cloudwatch_event_bus.members[0].name
  policy         = data.aws_iam_policy_document.members[0].json
}

data "aws_iam_policy_document" "members" {
  count = local.has_members ? 1 : 0

  dynamic "statement" {
    for_each = var.organization_id == "" ? [] : [var.organization_id]

    content {
      sid       = "TheOrganisationSends"
      actions   = ["events:PutEvents"]
      resources = [aws_cloudwatch_event_bus.members[0].arn]

      principals {
        type        = "*"
        identifiers = ["*"]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:PrincipalOrgID"
        values   = [statement.value]
      }
    }
  }

  dynamic "statement" {
    for_each = length(var.target_accounts) > 0 && var.organization_id == "" ? [var.target_accounts] : []

    content {
      sid       = "TheMembersSend"
      actions   = ["events:PutEvents"]
      resources = [aws_cloudwatch_event_bus.members[0].arn]

      principals {
        type        = "AWS"
        identifiers = [for account in statement.value : "arn:${local.partition}:iam::${account}:root"]
      }
    }
  }
}

resource "aws_cloudwatch_event_rule" "members" {
  count = local.has_members && var.real_time_scanning_enabled ? 1 : 0

  name           = "${local.prefix}-members"
  description    = "Changes of the members' security groups"
  event_bus_name = aws_cloudwatch_event_bus.members[0].name
  event_pattern  = file("${path.module}/../event-pattern.json")
}

resource "aws_cloudwatch_event_target" "members" {
  count = length(aws_cloudwatch_event_rule.members)

  rule           = aws_cloudwatch_event_rule.members[0].name
  event_bus_name = aws_cloudwatch_event_bus.members[0].name
  arn            = aws_sqs_queue.events.arn
}
