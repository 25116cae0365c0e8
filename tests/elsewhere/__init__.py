"""Runs the learner's suite on Linux as if the machine had Windows or macOS: `python -m tests.elsewhere windows`.

Neither system is at hand for each change. So what they lack is taken away, in every Python process that a test starts.
The workflow `machines` runs the same suite on the systems themselves.
"""
