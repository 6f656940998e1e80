# A scan of more than one function can do in its time: the function lists accounts and Regions, and a Distributed Map calls it once
# for each. One that cannot be read stops no other; its failure is in the map's results, in the metrics and in a notice.

resource "aws_sfn_state_machine" "scan" {
  count = var.distributed_scan ? 1 : 0

  name     = "${local.prefix}-scan"
  role_arn = aws_iam_role.scan[0].arn

  definition = jsonencode({
    Comment = "Scans every account and Region"
    StartAt = "List"
    States = {
      List = {
        Type           = "Task"
        Resource       = "arn:${local.partition}:states:::lambda:invoke"
        Parameters     = { FunctionName = aws_lambda_function.scanner.arn, Payload = { task = "units" } }
        ResultSelector = { "units.$" = "$.Payload.units" }
        Retry          = local.again
        Next           = "Scan"
      }
      Scan = {
        Type                       = "Map"
        ItemsPath                  = "$.units"
        MaxConcurrency             = var.distributed_scan_concurrency
        ToleratedFailurePercentage = 100
        ResultWriter = {
          Resource   = "arn:${local.partition}:states:::s3:putObject"
          Parameters = { Bucket = aws_s3_bucket.service.bucket, Prefix = "reports/distributed" }
        }
        ItemProcessor = {
          ProcessorConfig = { Mode = "DISTRIBUTED", ExecutionType = "STANDARD" }
          StartAt         = "ScanOne"
          States = {
            ScanOne = {
              Type           = "Task"
              Resource       = "arn:${local.partition}:states:::lambda:invoke"
              Parameters     = { FunctionName = aws_lambda_function.scanner.arn, "Payload.$" = "$" }
              ResultSelector = { "result.$" = "$.Payload" }
              Retry          = local.again
              End            = true
            }
          }
        }
        End = true
      }
    }
  })
}

locals {
  # Lambda's own trouble, not what the scan found.
  again = [{
    ErrorEquals     = ["Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException", "Lambda.TooManyRequestsException"]
    IntervalSeconds = 5
    MaxAttempts     = 5
    BackoffRate     = 2
    JitterStrategy  = "FULL"
  }]

  machine_arn = "arn:${local.partition}:states:${var.aws_region}:${local.account}:stateMachine:${local.prefix}-scan"
}

resource "aws_iam_role" "scan" {
  count = var.distributed_scan ? 1 : 0

  name        = "${local.prefix}-scan"
  description = "Shares scans out"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "states.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy" "scan" {
  count = var.distributed_scan ? 1 : 0

  name = "scan"
  role = aws_iam_role.scan[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "CallTheFunction", Effect = "Allow", Action = "lambda:InvokeFunction", Resource = aws_lambda_function.scanner.arn },
      # A Distributed Map starts its machine anew for its items, and looks after those.
      { Sid = "ShareOut", Effect = "Allow", Action = "states:StartExecution", Resource = local.machine_arn },
      { Sid = "LookAfter", Effect = "Allow", Action = ["states:DescribeExecution", "states:StopExecution"], Resource = "${replace(local.machine_arn, ":stateMachine:", ":execution:")}/*" },
      { Sid = "WriteResults", Effect = "Allow", Action = ["s3:PutObject", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"], Resource = "${aws_s3_bucket.service.arn}/reports/distributed/*" },
      { Sid = "UseKeys", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = aws_kms_key.service.arn },
    ]
  })
}

# Who starts it by the clock, and on request.
resource "aws_iam_role" "starter" {
  count = var.distributed_scan ? 1 : 0

  name        = "${local.prefix}-scan-starter"
  description = "Starts scans"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "starter" {
  count = var.distributed_scan ? 1 : 0

  name = "start"
  role = aws_iam_role.starter[0].id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Sid = "StartScans", Effect = "Allow", Action = "states:StartExecution", Resource = local.machine_arn }]
  })
}
