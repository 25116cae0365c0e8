"""The cheat sheet for the night before an exam: what to know of all chapters, or of one, on a few pages."""
