"""What maintainers read: the gate's problems, and the facts and errata of the sources."""
