# The bridge as a service of Amazon ECS on Fargate. It takes captures from the outbox in the shop's database:
# they wait there, so a task needs no disk that outlives it. (The inlet's spool does, and must not be on EFS.)
#
#   module "magento_eventbridge" {
#     source              = "./deploy/ecs"
#     cluster_arn         = aws_ecs_cluster.shop.arn
#     image               = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/magento-eventbridge@sha256:…"
#     vpc_id              = aws_vpc.shop.id
#     subnet_ids          = aws_subnet.private[*].id
#     bus_arn             = aws_cloudwatch_event_bus.shop.arn
#     event_source        = "shop.example.com"
#     database            = { host = aws_db_instance.shop.address, name = "magento", user = "eventbridge" }
#     database_secret_arn = aws_secretsmanager_secret.eventbridge.arn
#   }
#
# Then let module.magento_eventbridge.security_group_id reach the database.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "name" {
  description = "The name of the service and of what belongs to it"
  type        = string
  default     = "magento-eventbridge"
}

variable "cluster_arn" {
  description = "The ECS cluster"
  type        = string
}

variable "image" {
  description = "The image that deploy/Dockerfile builds, best by its digest"
  type        = string
}

variable "vpc_id" {
  description = "The VPC of the subnets"
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets with a way to EventBridge: a NAT gateway, or an interface endpoint"
  type        = list(string)
}

variable "bus_arn" {
  description = "The ARN of the event bus"
  type        = string
}

variable "event_source" {
  description = "The source of the events: the setting options.source"
  type        = string
}

variable "database" {
  description = "The shop's database; the user may read and write the tables eventbridge_*"
  type = object({
    host = string
    name = string
    user = string
    port = optional(number, 3306)
  })
}

variable "database_secret_arn" {
  description = "The database user's password, in Secrets Manager, as plain text"
  type        = string
}

variable "tasks" {
  description = "How many bridges share the outbox; two survive the loss of a zone without a pause"
  type        = number
  default     = 1
}

variable "settings" {
  description = "Other settings, by the names of their environment variables"
  type        = map(string)
  default     = {}
}

data "aws_region" "here" {}

# AWS's own policies have other ARNs in China and in GovCloud.
data "aws_partition" "here" {}

resource "aws_cloudwatch_log_group" "bridge" {
  name              = "/ecs/${var.name}"
  retention_in_days = 30
}

resource "aws_security_group" "bridge" {
  name        = var.name
  description = "Calls to AWS, and to the database of the shop"
  vpc_id      = var.vpc_id

  egress {
    description = "AWS, and the database of the shop"
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }
}

# The role of the bridge: what `magento-eventbridge iam policy` prints for one bus.
resource "aws_iam_role" "bridge" {
  name               = var.name
  assume_role_policy = data.aws_iam_policy_document.tasks.json
}

data "aws_iam_policy_document" "tasks" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy" "bridge" {
  name   = "events"
  role   = aws_iam_role.bridge.id
  policy = data.aws_iam_policy_document.bridge.json
}

data "aws_iam_policy_document" "bridge" {
  statement {
    actions   = ["events:PutEvents"]
    resources = [var.bus_arn]
    condition {
      test     = "StringEquals"
      variable = "events:source"
      values   = [var.event_source]
    }
  }
  statement {
    actions   = ["events:DescribeEventBus"]
    resources = [var.bus_arn]
  }
}

# The role of ECS itself: the image, the log, the secret.
resource "aws_iam_role" "execution" {
  name               = "${var.name}-execution"
  assume_role_policy = data.aws_iam_policy_document.tasks.json
}

resource "aws_iam_role_policy_attachment" "execution" {
  role       = aws_iam_role.execution.name
  policy_arn = "arn:${data.aws_partition.here.partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
}

resource "aws_iam_role_policy" "secret" {
  name   = "secret"
  role   = aws_iam_role.execution.id
  policy = data.aws_iam_policy_document.secret.json
}

data "aws_iam_policy_document" "secret" {
  statement {
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [var.database_secret_arn]
  }
}

resource "aws_ecs_task_definition" "bridge" {
  family                   = var.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512
  task_role_arn            = aws_iam_role.bridge.arn
  execution_role_arn       = aws_iam_role.execution.arn

  # The console's journal and the ledger, as long as the task lives. The image owns this folder.
  volume {
    name = "state"
  }

  volume {
    name = "tmp"
  }

  container_definitions = jsonencode([{
    name                   = "bridge"
    image                  = var.image
    command                = ["serve"]
    essential              = true
    user                   = "8471"
    readonlyRootFilesystem = true
    stopTimeout            = 60
    environment = [for name, value in merge({
      MAGENTO_EVENTBRIDGE_OPTIONS__REGION    = data.aws_region.here.id
      MAGENTO_EVENTBRIDGE_OPTIONS__SOURCE    = var.event_source
      MAGENTO_EVENTBRIDGE_OPTIONS__EVENT_BUS = var.bus_arn
      MAGENTO_EVENTBRIDGE_OUTBOX__ENABLED    = "true"
      MAGENTO_EVENTBRIDGE_OUTBOX__HOST       = var.database.host
      MAGENTO_EVENTBRIDGE_OUTBOX__PORT       = tostring(var.database.port)
      MAGENTO_EVENTBRIDGE_OUTBOX__DATABASE   = var.database.name
      MAGENTO_EVENTBRIDGE_OUTBOX__USER       = var.database.user
      MAGENTO_EVENTBRIDGE_INLET__ENABLED     = "false"
      MAGENTO_EVENTBRIDGE_METRICS__ENABLED   = "true"
      MAGENTO_EVENTBRIDGE_LOG__FORMAT        = "json"
    }, var.settings) : { name = name, value = value }]
    secrets = [{
      name      = "MAGENTO_EVENTBRIDGE_OUTBOX__PASSWORD"
      valueFrom = var.database_secret_arn
    }]
    healthCheck = {
      command = ["CMD", "python", "-c",
        "from urllib.request import urlopen as ask; ask('http://127.0.0.1:8473/health/ready', timeout=5)",
      ]
      interval    = 30
      timeout     = 10
      startPeriod = 20
    }
    mountPoints = [
      { sourceVolume = "state", containerPath = "/var/lib/magento-eventbridge", readOnly = false },
      { sourceVolume = "tmp", containerPath = "/tmp", readOnly = false },
    ]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.bridge.name
        awslogs-region        = data.aws_region.here.id
        awslogs-stream-prefix = "bridge"
      }
    }
  }])
}

# Several bridges may share the outbox, so a new task starts before the old one stops.
resource "aws_ecs_service" "bridge" {
  name                               = var.name
  cluster                            = var.cluster_arn
  task_definition                    = aws_ecs_task_definition.bridge.arn
  desired_count                      = var.tasks
  launch_type                        = "FARGATE"
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200

  network_configuration {
    subnets         = var.subnet_ids
    security_groups = [aws_security_group.bridge.id]
  }
}

output "security_group_id" {
  description = "The bridge's security group: let it reach the shop's database"
  value       = aws_security_group.bridge.id
}

output "role_arn" {
  description = "The bridge's role"
  value       = aws_iam_role.bridge.arn
}
