"""The machine of Tensor Koans. For engines outside: `from grader import grade_one`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grader.course.grade import grade_one as grade_one


def __getattr__(name: str) -> Any:
    """`grade_one`, imported when it is asked for: most users of this package do not grade."""
    if name == "grade_one":
        from grader.course.grade import grade_one

        return grade_one
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
