"""The stable name that exported notebooks import: `from grader.notebook import live`."""

from grader.learn.notebook import live

__all__ = ["live"]
