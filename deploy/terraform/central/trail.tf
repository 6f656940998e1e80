# EventBridge hears of API calls only in accounts and Regions where a trail records them.

locals {
  trail_arn = "arn:${local.partition}:cloudtrail:${var.aws_region}:${local.account}:trail/${local.prefix}"
}

resource "aws_cloudtrail" "service" {
  count = var.enable_cloudtrail ? 1 : 0

  name                          = local.prefix
  s3_bucket_name                = aws_s3_bucket.service.bucket
  s3_key_prefix                 = "trail"
  kms_key_id                    = aws_kms_key.service.arn
  is_multi_region_trail         = true
  include_global_service_events = true
  enable_log_file_validation    = true

  # Reads are most of the calls, and nothing is to be learnt from them here.
  event_selector {
    read_write_type           = "WriteOnly"
    include_management_events = true
  }

  depends_on = [aws_s3_bucket_policy.service]
}
