"""What people set up in AWS: IAM policies, rules with targets, patterns, schemas."""
