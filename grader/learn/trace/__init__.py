"""`koans trace`: a picture of what a kernel does, from the list of its accesses to memory."""
