"""The tile machine: runs the text of kernels for all programs of a grid at once, in numpy, as if compiled."""
