"""Writers of reports. Each takes a grade or a class and returns the text of one format."""
