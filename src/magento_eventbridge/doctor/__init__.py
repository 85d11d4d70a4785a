"""The checks of `doctor`, for the command and for the console."""
