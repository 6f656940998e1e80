# Both documents are deploy/iam's own, with the placeholders filled in.

locals {
  iam = "${path.module}/../../iam"

  trust = [for statement in jsondecode(file("${local.iam}/trust-policy.json")).Statement : merge(
    { for key, value in statement : key => value if key != "Condition" },
    { Principal = { AWS = var.hub_role_arn } },
    { for key, value in { Condition = { StringEquals = { "sts:ExternalId" = var.external_id } } } : key => value if var.external_id != "" },
  )]
}

resource "aws_iam_role" "member" {
  count = var.create_role ? 1 : 0

  name                 = "${local.prefix}-cross-account-role"
  description          = "Entered by the security-group service"
  assume_role_policy   = jsonencode({ Version = "2012-10-17", Statement = local.trust })
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags
}

resource "aws_iam_role_policy" "member" {
  count = var.create_role ? 1 : 0

  name   = "security-groups"
  role   = aws_iam_role.member[0].id
  policy = file("${local.iam}/${var.dry_run_mode ? "scan-only" : "remediate-member"}.json")
}

resource "aws_iam_role_policy" "block" {
  for_each = var.create_role && var.block_suspicious_users && !var.dry_run_mode ? fileset(local.iam, "block-principals.json") : []

  name   = "block-principals"
  role   = aws_iam_role.member[0].id
  policy = file("${local.iam}/${each.key}")
}
