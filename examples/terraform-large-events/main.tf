# A bucket for the arrays of large events: encrypted, private, and empty again after 30 days.
# Set claim_check.bucket to its name; attach the two policies to the bridge's and to consumers' roles.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "bucket" {
  description = "The value of the bridge's setting claim_check.bucket"
  type        = string
}

variable "prefix" {
  description = "The value of the bridge's setting claim_check.prefix"
  type        = string
  default     = "magento-events/"
}

variable "days" {
  description = "How long objects are kept: longer than any consumer, archive or dead letter needs them"
  type        = number
  default     = 30
}

resource "aws_s3_bucket" "large_events" {
  bucket = var.bucket
}

resource "aws_s3_bucket_public_access_block" "large_events" {
  bucket                  = aws_s3_bucket.large_events.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "large_events" {
  bucket = aws_s3_bucket.large_events.id
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.large_events.arn
    }
  }
}

resource "aws_kms_key" "large_events" {
  description         = "Large events of a Magento shop"
  enable_key_rotation = true
}

resource "aws_s3_bucket_lifecycle_configuration" "large_events" {
  bucket = aws_s3_bucket.large_events.id
  rule {
    id     = "expire"
    status = "Enabled"
    filter {
      prefix = var.prefix
    }
    expiration {
      days = var.days
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

# Only over TLS.
resource "aws_s3_bucket_policy" "large_events" {
  bucket = aws_s3_bucket.large_events.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.large_events.arn, "${aws_s3_bucket.large_events.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}

resource "aws_iam_policy" "store" {
  name        = "store-large-magento-events"
  description = "For the bridge"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = "s3:PutObject"
        Resource = "${aws_s3_bucket.large_events.arn}/${var.prefix}*"
      },
      {
        Effect   = "Allow"
        Action   = "kms:GenerateDataKey"
        Resource = aws_kms_key.large_events.arn
      },
    ]
  })
}

resource "aws_iam_policy" "fetch" {
  name        = "fetch-large-magento-events"
  description = "For consumers"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = "s3:GetObject"
        Resource = "${aws_s3_bucket.large_events.arn}/${var.prefix}*"
      },
      {
        Effect   = "Allow"
        Action   = "kms:Decrypt"
        Resource = aws_kms_key.large_events.arn
      },
    ]
  })
}
