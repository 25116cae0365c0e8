"""The style of all figures of the workbook."""

from __future__ import annotations

from typing import Any

from grader.book.errors import KoansError

# A figure is 4.2 inches wide. On a screen of 390 pixels a point is 1.3 pixels, so 8.5-point letters are 11 pixels high.
STYLE: dict[str, Any] = {
    "font.size": 8.5,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8.5,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "hatch.linewidth": 0.5,
    "svg.fonttype": "path",  # letters as paths, so that they do not depend on the fonts of the reader
    "svg.hashsalt": "tensor-koans",  # without it the ids in the file are random
}


def style() -> Any:
    """A context in which matplotlib uses this style and not the user's own. Raises KoansError without matplotlib."""
    try:
        import matplotlib
    except ImportError:
        raise KoansError("drawing needs matplotlib: pip install matplotlib") from None
    defaults: dict[str, Any] = {k: v for k, v in matplotlib.rcParamsDefault.items() if not k.startswith("backend")}
    settings: Any = defaults | STYLE  # Any, because matplotlib has a type for every key
    return matplotlib.rc_context(settings)
