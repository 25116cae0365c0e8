"""Runs koans. Each run has one verdict, whatever the code under test does.

A server process imports torch, pytest, hypothesis and triton once. Every run is a fork of it, with limits on time,
memory and output. `Runner` is the client.
"""

from grader.judge.runner.client import NOT_STARTED, Ask, Cancelled, Limits, Runner

__all__ = ["NOT_STARTED", "Ask", "Cancelled", "Limits", "Runner"]
