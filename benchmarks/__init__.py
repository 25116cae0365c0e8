"""Speed and memory, compared with what a user would use instead. Each file is a command."""
