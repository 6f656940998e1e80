output "role_arn" {
  description = "The role that the service enters; null with create_role = false."
  value       = try(aws_iam_role.member[0].arn, null)
}

output "rule" {
  description = "The rule that sends changes to the service; null with send_events = false."
  value       = try(aws_cloudwatch_event_rule.changes[0].name, null)
}
