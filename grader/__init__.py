"""The grader of Tensor Koans. Other grading systems use `from grader import grade_one`."""

import os
from typing import TYPE_CHECKING, Any

# numpy reads this when it is imported. Its products of small tiles are slower on several threads, far slower on a busy
# machine, and a process forked from one with threads may hang.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

if TYPE_CHECKING:
    from grader.course.grade import grade_one as grade_one


def __getattr__(name: str) -> Any:
    """Import `grade_one` on first use, because most users of this package do not grade."""
    if name == "grade_one":
        from grader.course.grade import grade_one

        return grade_one
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
