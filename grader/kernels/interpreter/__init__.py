"""Triton kernels on a CPU: from a learner's file only the kernels' text and a literal CONFIG are taken."""
