# What the service may do is what the program can ask for: deploy/iam is written from the list of its calls. Here each statement of
# it gets the names of this deployment's own things. A statement that is new there and unknown here is an error of the plan, not a
# permission that is missing in the night.

locals {
  iam = "${path.module}/../../iam"

  hub = jsondecode(file("${local.iam}/hub.json")).Statement

  # What this account's own groups need, if they are scanned: without the right to change anything in a dry run.
  own = var.scan_own_account ? jsondecode(file("${local.iam}/${var.dry_run_mode ? "scan-only" : "remediate-member"}.json")).Statement : []

  # Blocking is asked for by name, and never in a dry run.
  blocks = var.block_suspicious_users && var.scan_own_account && !var.dry_run_mode ? fileset(local.iam, "block-principals.json") : []

  organization = var.scan_organization ? jsondecode(file("${local.iam}/organization-read.json")).Statement : []

  # An empty list leaves the statement out.
  resources = {
    EnterAccounts          = local.member_roles
    KeepBackups            = [for folder in ["backups", "reports"] : "${aws_s3_bucket.service.arn}/${folder}/*"]
    ListBackups            = [aws_s3_bucket.service.arn]
    ReadPolicies           = aws_ssm_parameter.policy[*].arn
    SendNotices            = [aws_sns_topic.notices.arn]
    PublishMetrics         = var.publish_metrics ? ["*"] : []
    KeepState              = [aws_dynamodb_table.state.arn]
    ReceiveEvents          = [local.queue_arn]
    UseKeysThroughServices = [aws_kms_key.service.arn]
  }

  member_roles = (
    var.organization_id != "" ? ["arn:${local.partition}:iam::*:role/${local.member_role}"] :
    [for account in var.target_accounts : "arn:${local.partition}:iam::${account}:role/${local.member_role}"]
  )

  # Roles of a list are named one by one; those of an organisation are known by it.
  kept = [for statement in local.hub : merge(
    { for key, value in statement : key => value if !(statement.Sid == "EnterAccounts" && key == "Condition") },
    { Resource = local.resources[statement.Sid] },
    { for key, value in { Condition = { StringEquals = { "aws:ResourceOrgID" = var.organization_id } } } :
    key => value if statement.Sid == "EnterAccounts" && var.organization_id != "" },
  ) if length(local.resources[statement.Sid]) > 0]

  # What Lambda does for its functions, and what a policy of theirs is read with.
  surroundings = [
    {
      Sid      = "WriteLogs"
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = [for group in aws_cloudwatch_log_group.functions : "${group.arn}:*"]
    },
    {
      Sid      = "TakeEvents"
      Effect   = "Allow"
      Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
      Resource = [local.queue_arn]
    },
    {
      Sid      = "SetFailedScansAside"
      Effect   = "Allow"
      Action   = ["sqs:SendMessage"]
      Resource = [local.dead_letters_arn]
    },
    {
      Sid      = "ReadConfiguration"
      Effect   = "Allow"
      Action   = ["s3:GetObject"]
      Resource = ["${aws_s3_bucket.service.arn}/config/*"]
    },
  ]

  statements = concat(
    local.kept,
    local.surroundings,
    local.own,
    local.organization,
    flatten([for name in local.blocks : jsondecode(file("${local.iam}/${name}")).Statement]),
  )
}

resource "aws_iam_role" "service" {
  name        = "${local.prefix}-service"
  description = "The security-group service"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "service" {
  name   = "service"
  role   = aws_iam_role.service.id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.statements })
}
