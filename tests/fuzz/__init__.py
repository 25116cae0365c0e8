"""Fuzzers of what strangers hand in. The property: a value or a clear reason, no other exception, within limits."""
