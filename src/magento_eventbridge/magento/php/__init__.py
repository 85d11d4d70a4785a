"""PHP files that return an array: read by evaluating what is plain, without running PHP."""
