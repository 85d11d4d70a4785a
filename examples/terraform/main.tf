# A bus for the shop, a queue that receives its orders, and the bridge's permission.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "source_name" {
  description = "The value of the bridge's setting options.source"
  type        = string
  default     = "shop.example.com"
}

resource "aws_cloudwatch_event_bus" "shop" {
  name = "shop"
}

resource "aws_sqs_queue" "orders" {
  name = "orders"
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.orders_dead.arn
    maxReceiveCount     = 5
  })
}

resource "aws_sqs_queue" "orders_dead" {
  name                      = "orders-dead"
  message_retention_seconds = 1209600
}

# magento-eventbridge rules pattern OrderPlaced OrderCanceled
resource "aws_cloudwatch_event_rule" "orders" {
  name           = "orders"
  event_bus_name = aws_cloudwatch_event_bus.shop.name
  event_pattern = jsonencode({
    "source"      = [var.source_name]
    "detail-type" = ["OrderPlaced", "OrderCanceled"]
  })
}

resource "aws_cloudwatch_event_target" "orders" {
  rule           = aws_cloudwatch_event_rule.orders.name
  event_bus_name = aws_cloudwatch_event_bus.shop.name
  target_id      = "orders"
  arn            = aws_sqs_queue.orders.arn

  # Receives events that EventBridge cannot deliver to the queue.
  dead_letter_config {
    arn = aws_sqs_queue.orders_dead.arn
  }
}

resource "aws_sqs_queue_policy" "orders" {
  for_each  = { orders = aws_sqs_queue.orders, dead = aws_sqs_queue.orders_dead }
  queue_url = each.value.url
  policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [
      {
        "Effect"    = "Allow"
        "Principal" = { "Service" = "events.amazonaws.com" }
        "Action"    = "sqs:SendMessage"
        "Resource"  = each.value.arn
        "Condition" = { "ArnEquals" = { "aws:SourceArn" = aws_cloudwatch_event_rule.orders.arn } }
      }
    ]
  })
}

# magento-eventbridge iam policy --format terraform prints this policy for a bridge's settings.
resource "aws_iam_policy" "bridge" {
  name = "magento-eventbridge"
  policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [
      {
        "Effect"    = "Allow"
        "Action"    = "events:PutEvents"
        "Resource"  = aws_cloudwatch_event_bus.shop.arn
        "Condition" = { "StringEquals" = { "events:source" = [var.source_name] } }
      }
    ]
  })
}

output "queue_url" {
  value = aws_sqs_queue.orders.url
}

output "bridge_policy_arn" {
  value = aws_iam_policy.bridge.arn
}
