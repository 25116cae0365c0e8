"""Takes in what an instructor points at, and hands over the text of each koan."""
