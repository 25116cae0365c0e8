"""The night before: what to know of all chapters, or of one, on few pages."""
