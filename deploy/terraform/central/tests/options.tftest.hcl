# What each switch changes, without any AWS: `terraform test` with a provider that makes everything up.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }

  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-0000-0000-000000000000" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/sg-compliance-dev-service" }
  }

  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:us-east-1:111122223333:sg-compliance-dev-events" }
  }

  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:us-east-1:111122223333:sg-compliance-dev-notices" }
  }

  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:us-east-1:111122223333:function:sg-compliance-dev-responder" }
  }

  mock_resource "aws_cloudwatch_event_rule" {
    defaults = { arn = "arn:aws:events:us-east-1:111122223333:rule/sg-compliance-dev-changes" }
  }

  mock_resource "aws_sfn_state_machine" {
    defaults = { arn = "arn:aws:states:us-east-1:111122223333:stateMachine:sg-compliance-dev-scan" }
  }

  mock_resource "aws_cloudwatch_event_bus" {
    defaults = { arn = "arn:aws:events:us-east-1:111122223333:event-bus/sg-compliance-dev-members" }
  }
}

variables {
  lambda_zip = "versions.tf"
}

run "alone_it_reads_its_own_account" {
  assert {
    condition     = aws_lambda_function.scanner.environment[0].variables["PORTCULLIS_ENFORCE"] == "false"
    error_message = "a dry run is the default"
  }

  assert {
    condition     = !contains(keys(aws_lambda_function.scanner.environment[0].variables), "PORTCULLIS_ROLE_NAME") && !contains(keys(aws_lambda_function.scanner.environment[0].variables), "PORTCULLIS_ACCOUNTS_FROM")
    error_message = "without members no role is entered"
  }

  assert {
    condition     = !contains([for statement in jsondecode(aws_iam_role_policy.service.policy).Statement : statement.Sid], "EnterAccounts")
    error_message = "nor may one be"
  }

  assert {
    condition     = length(aws_cloudwatch_event_bus.members) == 0
    error_message = "nor is anything heard from others"
  }

  assert {
    condition     = contains([for control in jsondecode(aws_s3_object.policy[0].content).controls : control], "internet-ssh")
    error_message = "the policy is the recommended pack"
  }
}

run "enforcing_is_allowed_to_change_and_says_so" {
  variables {
    dry_run_mode                  = false
    enable_automatic_remediation  = true
    immediate_remediation_enabled = true
    emergency_lockdown_enabled    = false
    block_suspicious_users        = true
    max_operations_per_minute     = 7
    violation_severity_threshold  = "critical"
    strategy                      = "narrow"
  }

  assert {
    condition     = aws_lambda_function.responder.environment[0].variables["PORTCULLIS_ENFORCE"] == "true" && aws_lambda_function.responder.environment[0].variables["PORTCULLIS_STRATEGY"] == "narrow"
    error_message = "the functions are told"
  }

  assert {
    condition     = contains([for statement in jsondecode(aws_iam_role_policy.service.policy).Statement : statement.Sid], "ChangeSecurityGroups")
    error_message = "and their role may"
  }

  assert {
    condition     = length(fileset("../../iam", "block-principals.json")) == 0 || contains([for statement in jsondecode(aws_iam_role_policy.service.policy).Statement : statement.Sid], "BlockUsers")
    error_message = "who changes suspiciously much may be blocked"
  }

  assert {
    condition     = aws_cloudwatch_event_rule.due[0].schedule_expression == "rate(1 minute)"
    error_message = "what waits is looked at"
  }

  assert {
    condition = jsondecode(aws_s3_object.policy[0].content).compliance_policies.compliance_actions.remediation_settings == {
      automatic_remediation   = true
      require_manual_approval = false
    }
    error_message = "the switches are in the policy"
  }

  assert {
    condition = jsondecode(aws_s3_object.policy[0].content).compliance_policies.real_time_scanning.remediation_settings == {
      emergency_remediation = { enabled = false }
      immediate_remediation = { enabled = true, severity_threshold = "critical" }
    }
    error_message = "the switches of what is done at once too"
  }

  assert {
    condition = jsondecode(aws_s3_object.policy[0].content).compliance_policies.real_time_scanning.detection_rules.mass_operations_detected == {
      block_suspicious_users = true
      threshold_per_minute   = 7
    }
    error_message = "and those of mass operations"
  }
}

run "an_organisation_is_entered_by_its_id" {
  variables {
    organization_id   = "o-a1b2c3d4e5"
    scan_organization = true
    scan_regions      = ["all"]
    external_id       = "shared words"
    distributed_scan  = true
  }

  assert {
    condition     = jsondecode(aws_sfn_state_machine.scan[0].definition).States.Scan.ItemProcessor.ProcessorConfig.Mode == "DISTRIBUTED" && aws_cloudwatch_event_target.scans["scheduled"].arn == aws_sfn_state_machine.scan[0].arn
    error_message = "its scans are shared out"
  }

  assert {
    condition     = aws_lambda_function.scanner.environment[0].variables["PORTCULLIS_ACCOUNTS_FROM"] == "org" && aws_lambda_function.scanner.environment[0].variables["PORTCULLIS_REGIONS"] == "all"
    error_message = "its accounts are asked for"
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.service.policy).Statement : statement.Condition if statement.Sid == "EnterAccounts"] == [{ StringEquals = { "aws:ResourceOrgID" = "o-a1b2c3d4e5" } }]
    error_message = "no role outside of it is entered"
  }

  assert {
    condition     = contains([for statement in jsondecode(aws_iam_role_policy.service.policy).Statement : statement.Sid], "ReadOrganization")
    error_message = "its list may be read"
  }
}

run "a_policy_may_be_a_parameter_and_the_bucket_locked" {
  variables {
    policy_store               = "ssm"
    object_lock_days           = 30
    enable_cloudtrail          = false
    real_time_scanning_enabled = false
    publish_metrics            = false
    lambda_architecture        = "x86_64"
  }

  assert {
    condition     = aws_lambda_function.scanner.environment[0].variables["PORTCULLIS_POLICY"] == "ssm:/portcullis/sg-compliance-dev/policy"
    error_message = "the policy is where the function looks"
  }

  assert {
    condition     = contains([for statement in jsondecode(aws_iam_role_policy.service.policy).Statement : statement.Sid], "ReadPolicies") && !contains([for statement in jsondecode(aws_iam_role_policy.service.policy).Statement : statement.Sid], "PublishMetrics")
    error_message = "what is used is allowed, and nothing else"
  }

  assert {
    condition     = aws_s3_bucket.service.object_lock_enabled && aws_s3_bucket_object_lock_configuration.service[0].rule[0].default_retention[0].mode == "COMPLIANCE"
    error_message = "nobody deletes what is kept"
  }

  assert {
    condition     = length(aws_cloudtrail.service) + length(aws_cloudwatch_event_rule.changes) == 0
    error_message = "what is switched off is not made"
  }
}

run "mistakes_are_told" {
  command = plan

  variables {
    target_accounts     = ["12345"]
    compliance_schedule = "daily"
    policy_store        = "git"
    strategy            = "delete"
  }

  expect_failures = [var.target_accounts, var.compliance_schedule, var.policy_store, var.strategy]
}
