"""The stable public module for exported notebooks, which run `from grader.notebook import live`."""

from grader.learn.notebook import live

__all__ = ["live"]
