# config/ is read, backups/ and reports/ are written by the service; trail/ by CloudTrail.

resource "aws_s3_bucket" "service" {
  bucket              = coalesce(var.s3_bucket_name, "${local.prefix}-${local.account}-${var.aws_region}")
  object_lock_enabled = var.object_lock_days > 0
  force_destroy       = var.force_destroy
}

resource "aws_s3_bucket_versioning" "service" {
  bucket = aws_s3_bucket.service.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "service" {
  bucket = aws_s3_bucket.service.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.service.arn
    }
  }
}

resource "aws_s3_bucket_object_lock_configuration" "service" {
  count = var.object_lock_days > 0 ? 1 : 0

  bucket = aws_s3_bucket.service.id

  rule {
    default_retention {
      mode = var.object_lock_mode
      days = var.object_lock_days
    }
  }

  depends_on = [aws_s3_bucket_versioning.service]
}

resource "aws_s3_bucket_ownership_controls" "service" {
  bucket = aws_s3_bucket.service.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "service" {
  bucket = aws_s3_bucket.service.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_lifecycle_configuration" "service" {
  bucket = aws_s3_bucket.service.id

  rule {
    id     = "backups"
    status = "Enabled"

    filter {
      prefix = "backups/"
    }

    transition {
      days          = 90
      storage_class = "STANDARD_IA"
    }

    dynamic "expiration" {
      for_each = var.backup_retention_days > 0 ? [var.backup_retention_days] : []

      content {
        days = expiration.value
      }
    }
  }

  rule {
    id     = "reports"
    status = "Enabled"

    filter {
      prefix = "reports/"
    }

    expiration {
      days = var.report_retention_days
    }
  }

  rule {
    id     = "trail"
    status = "Enabled"

    filter {
      prefix = "trail/"
    }

    expiration {
      days = var.report_retention_days
    }
  }

  # Of what is written over and over (journals, locks) old versions need not be kept for ever.
  rule {
    id     = "old-versions"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = max(90, var.object_lock_days)
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  depends_on = [aws_s3_bucket_versioning.service]
}

resource "aws_s3_bucket_policy" "service" {
  bucket = aws_s3_bucket.service.id
  policy = data.aws_iam_policy_document.bucket.json

  depends_on = [aws_s3_bucket_public_access_block.service]
}

data "aws_iam_policy_document" "bucket" {
  statement {
    sid       = "EncryptedConnectionsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.service.arn, "${aws_s3_bucket.service.arn}/*"]

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

  # Whoever writes the policy decides what is changed: not the service itself, whatever else its role is given.
  statement {
    sid       = "TheServiceNeverWritesItsPolicy"
    effect    = "Deny"
    actions   = ["s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"]
    resources = ["${aws_s3_bucket.service.arn}/config/*"]

    principals {
      type        = "AWS"
      identifiers = [aws_iam_role.service.arn]
    }
  }

  dynamic "statement" {
    for_each = var.enable_cloudtrail ? [local.trail_arn] : []

    content {
      sid       = "TheTrailLooksWhoseBucketItIs"
      actions   = ["s3:GetBucketAcl"]
      resources = [aws_s3_bucket.service.arn]

      principals {
        type        = "Service"
        identifiers = ["cloudtrail.amazonaws.com"]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceArn"
        values   = [statement.value]
      }
    }
  }

  dynamic "statement" {
    for_each = var.enable_cloudtrail ? [local.trail_arn] : []

    content {
      sid       = "TheTrailIsWritten"
      actions   = ["s3:PutObject"]
      resources = ["${aws_s3_bucket.service.arn}/trail/AWSLogs/${local.account}/*"]

      principals {
        type        = "Service"
        identifiers = ["cloudtrail.amazonaws.com"]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceArn"
        values   = [statement.value]
      }
    }
  }
}
