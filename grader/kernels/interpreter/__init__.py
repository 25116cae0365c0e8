"""Runs Triton kernels on a CPU. From a learner's file it takes only the kernels' text and a literal CONFIG."""
