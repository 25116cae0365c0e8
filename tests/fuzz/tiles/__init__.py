"""Evidence that the tile machine is right: its types, values, errors and counts against Triton's and numpy's."""
