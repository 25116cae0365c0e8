"""Writers: one result model in, one format out."""
