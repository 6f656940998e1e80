# A scan of more than one function can do in its time: the function lists accounts and Regions, a Distributed Map calls it once for
# each, and a last call makes one report of all. What one hands to the next lies in the bucket, below reports/runs and the name of
# the execution: a state holds 256 KB, no more. A part that fails stops no other, and stands in the report as unread.

resource "aws_sfn_state_machine" "scan" {
  count = var.distributed_scan ? 1 : 0

  name     = "${local.prefix}-scan"
  role_arn = aws_iam_role.scan[0].arn

  definition = jsonencode({
    Comment = "Scans every account and Region"
    StartAt = "List"
    States = {
      List = {
        Type     = "Task"
        Resource = "arn:${local.partition}:states:::lambda:invoke"
        Parameters = {
          FunctionName = aws_lambda_function.scanner.arn
          Payload      = { task = "units", "run.$" = "$$.Execution.Name" }
        }
        ResultSelector = { "bucket.$" = "$.Payload.bucket", "key.$" = "$.Payload.key" }
        Retry          = local.again
        Next           = "Scan"
      }
      Scan = {
        Type = "Map"
        ItemReader = {
          Resource     = "arn:${local.partition}:states:::s3:getObject"
          ReaderConfig = { InputType = "JSON" }
          Parameters   = { "Bucket.$" = "$.bucket", "Key.$" = "$.key" }
        }
        MaxConcurrency             = var.distributed_scan_concurrency
        ToleratedFailurePercentage = 100
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
        ResultWriter = {
          Resource   = "arn:${local.partition}:states:::s3:putObject"
          Parameters = { Bucket = aws_s3_bucket.service.bucket, Prefix = "reports/distributed" }
        }
        ResultPath = "$.map"
        # However it ended: the report says what is missing.
        Catch = [{ ErrorEquals = ["States.ALL"], ResultPath = "$.error", Next = "Report" }]
        Next  = "Report"
      }
      Report = {
        Type     = "Task"
        Resource = "arn:${local.partition}:states:::lambda:invoke"
        Parameters = {
          FunctionName = aws_lambda_function.scanner.arn
          Payload      = { task = "report", "run.$" = "$$.Execution.Name", "began.$" = "$$.Execution.StartTime" }
        }
        ResultSelector = { "report.$" = "$.Payload" }
        Retry          = local.again
        Next           = "IsComplete"
      }
      IsComplete = {
        Type    = "Choice"
        Choices = [{ Variable = "$.report.complete", BooleanEquals = true, Next = "Complete" }]
        Default = "Incomplete"
      }
      Complete   = { Type = "Succeed" }
      Incomplete = { Type = "Fail", Error = "Portcullis.Incomplete", Cause = "something could not be read or done: the report names it" }
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
      { Sid = "ReadUnits", Effect = "Allow", Action = "s3:GetObject", Resource = "${aws_s3_bucket.service.arn}/reports/runs/*" },
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
