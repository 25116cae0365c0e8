"""Blocks that start at the program's number, not at its number times BLOCK."""

from grader.pictures import step


def draw():
    return step("ch13_triton/vector_add", 3, wrong="overlapping", BLOCK=8)
