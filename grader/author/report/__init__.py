"""Reports for maintainers: the problems that the gate found, the facts and errata of the sources."""
