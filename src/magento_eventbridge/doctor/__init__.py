"""What `doctor` looks at, for the command and the console alike."""
