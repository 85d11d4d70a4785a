"""A sink before another one: it stores the arrays of large events in S3 first."""
