"""Speed and memory, beside what a user would use instead. Each file is a command."""
