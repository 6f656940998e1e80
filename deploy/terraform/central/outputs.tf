output "function" {
  description = "The function that scans."
  value       = aws_lambda_function.scanner.function_name
}

output "responder" {
  description = "The function that answers events."
  value       = aws_lambda_function.responder.function_name
}

output "topic" {
  description = "The ARN of the topic of notices and alarms."
  value       = aws_sns_topic.notices.arn
}

output "bucket" {
  description = "The bucket of backups, reports and the policy."
  value       = aws_s3_bucket.service.bucket
}

output "policy" {
  description = "Where the policy is, as --policy takes it."
  value       = local.policy_place
}

output "key" {
  description = "The ARN of the key."
  value       = aws_kms_key.service.arn
}

output "queue" {
  description = "The URL of the queue of events, as `watch --queue` takes it."
  value       = aws_sqs_queue.events.url
}

output "dead_letters" {
  description = "The URL of the queue of events that were given up."
  value       = aws_sqs_queue.dead_letters.url
}

output "table" {
  description = "The table of the state."
  value       = aws_dynamodb_table.state.name
}

output "role" {
  description = "The ARN of the service's role: the member module's hub_role_arn."
  value       = aws_iam_role.service.arn
}

output "member_role_name" {
  description = "What the members' roles are called."
  value       = local.member_role
}

output "event_bus" {
  description = "The ARN of the bus that members send to: the member module's event_bus_arn. Null without members."
  value       = try(aws_cloudwatch_event_bus.members[0].arn, null)
}

output "dashboard" {
  description = "The name of the dashboard."
  value       = aws_cloudwatch_dashboard.service.dashboard_name
}

output "state_machine" {
  description = "The ARN of the state machine of distributed scans. Null without."
  value       = try(aws_sfn_state_machine.scan[0].arn, null)
}

output "environment" {
  description = "The settings of the functions, for `watch` or a function of one's own."
  value       = local.environment
  sensitive   = true
}
