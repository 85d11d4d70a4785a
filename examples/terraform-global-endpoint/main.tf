# A global endpoint: one bus in each of two regions, a health check that moves events to the second
# one, and the replication that copies each event there. Set options.endpoint_id to the output.
# Rules and targets are needed in both regions: apply them once with each provider.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "primary_region" {
  description = "The value of the bridge's setting options.region"
  type        = string
  default     = "eu-west-1"
}

variable "secondary_region" {
  type    = string
  default = "eu-central-1"
}

variable "bus" {
  description = "The value of the bridge's setting options.event_bus: one name in both regions"
  type        = string
  default     = "shop"
}

variable "silence" {
  description = "What minutes without any event mean: breaching moves a quiet shop to the second region, notBreaching does not"
  type        = string
  default     = "notBreaching"
}

provider "aws" {
  region = var.primary_region
}

provider "aws" {
  alias  = "secondary"
  region = var.secondary_region
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

resource "aws_cloudwatch_event_bus" "primary" {
  name = var.bus
}

resource "aws_cloudwatch_event_bus" "secondary" {
  provider = aws.secondary
  name     = var.bus
}

# EventBridge takes longer than half a minute from an event to the start of its targets.
resource "aws_cloudwatch_metric_alarm" "latency" {
  alarm_name          = "${var.bus}-eventbridge-latency"
  alarm_description   = "EventBridge is slow in ${var.primary_region}"
  namespace           = "AWS/Events"
  metric_name         = "IngestionToInvocationStartLatency"
  statistic           = "Average"
  period              = 60
  evaluation_periods  = 5
  comparison_operator = "GreaterThanThreshold"
  threshold           = 30000
  treat_missing_data  = var.silence
}

resource "aws_route53_health_check" "latency" {
  type                            = "CLOUDWATCH_METRIC"
  cloudwatch_alarm_name           = aws_cloudwatch_metric_alarm.latency.alarm_name
  cloudwatch_alarm_region         = var.primary_region
  insufficient_data_health_status = var.silence == "breaching" ? "Unhealthy" : "LastKnownStatus"
}

# EventBridge creates the rules that replicate events, and puts the copies, as this role.
resource "aws_iam_role" "replication" {
  name = "${var.bus}-global-endpoint"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

locals {
  account = data.aws_caller_identity.current.account_id
  events  = "arn:${data.aws_partition.current.partition}:events:*:${local.account}"
}

resource "aws_iam_role_policy" "replication" {
  name = "replicate"
  role = aws_iam_role.replication.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["events:PutRule", "events:PutTargets", "events:DeleteRule", "events:RemoveTargets"]
        Resource = "${local.events}:rule/${var.bus}/GlobalEndpointManagedRule-*"
      },
      {
        Effect   = "Allow"
        Action   = "events:PutEvents"
        Resource = [aws_cloudwatch_event_bus.primary.arn, aws_cloudwatch_event_bus.secondary.arn]
      },
      {
        Effect    = "Allow"
        Action    = "iam:PassRole"
        Resource  = aws_iam_role.replication.arn
        Condition = { StringLike = { "iam:PassedToService" = "events.amazonaws.com" } }
      },
    ]
  })
}

resource "aws_cloudwatch_event_endpoint" "shop" {
  name     = "${var.bus}-endpoint"
  role_arn = aws_iam_role.replication.arn

  event_bus {
    event_bus_arn = aws_cloudwatch_event_bus.primary.arn
  }
  event_bus {
    event_bus_arn = aws_cloudwatch_event_bus.secondary.arn
  }

  replication_config {
    state = "ENABLED"
  }

  routing_config {
    failover_config {
      primary {
        health_check = aws_route53_health_check.latency.arn
      }
      secondary {
        route = var.secondary_region
      }
    }
  }

  depends_on = [aws_iam_role_policy.replication]
}

# For the bridge: the buses of both regions, and the doctor's check.
resource "aws_iam_policy" "bridge" {
  name        = "${var.bus}-magento-eventbridge"
  description = "Put the events of a Magento shop on a global endpoint"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["events:PutEvents", "events:DescribeEventBus"]
        Resource = [aws_cloudwatch_event_bus.primary.arn, aws_cloudwatch_event_bus.secondary.arn]
      },
      {
        Effect   = "Allow"
        Action   = "events:ListEndpoints"
        Resource = "*"
      },
    ]
  })
}

output "endpoint_id" {
  description = "The value of the bridge's setting options.endpoint_id: the first two parts of the host"
  value       = join(".", slice(split(".", trimprefix(aws_cloudwatch_event_endpoint.shop.endpoint_url, "https://")), 0, 2))
}
