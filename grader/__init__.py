"""The grader of Tensor Koans. Other grading systems use `from grader import grade_one`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grader.course.grade import grade_one as grade_one


def __getattr__(name: str) -> Any:
    """Import `grade_one` on first use, because most users of this package do not grade."""
    if name == "grade_one":
        from grader.course.grade import grade_one

        return grade_one
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
