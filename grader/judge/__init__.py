"""Gives verdicts: chooses which code `exercises.*` imports, runs the tests on it, and explains failures."""
