"""What a fit of FSRS's parameters has found, for a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from grader.learn.cards.fit import Fit, Loss


def fitted(result: Fit, own: bool) -> RenderableType:
    """The losses, and which parameters are used from now on. `own` says that other parameters than FSRS's were used."""
    rows = {"FSRS's default parameters": result.default}
    if own:
        rows["your parameters until now"] = result.now
    rows["fitted parameters"] = result.fitted
    table = Table.grid(padding=(0, 3))
    table.add_row("", Text("log loss", "dim", justify="right"), Text("RMSE of bins", "dim", justify="right"))
    for name, loss in rows.items():
        table.add_row(name, *_figures(loss))
    first = (
        f"fitted to your earlier {result.fitted_to:,} reviews, judged on the latest {result.judged_on:,} "
        "(smaller is better)"
    )
    return Group(first, table, Text(_verdict(result, own), "bold"))


def _figures(loss: Loss) -> tuple[Text, Text]:
    return Text(f"{loss.log_loss:.4f}", justify="right"), Text(f"{loss.rmse:.4f}", justify="right")


def _verdict(result: Fit, own: bool) -> str:
    if result.taken:
        return (
            "The fitted parameters are better: your cards use them now. `koans settings parameters default` goes back."
        )
    kept = "your parameters stay as they were" if own else "your cards keep FSRS's default parameters"
    worse = own and result.default.log_loss < result.now.log_loss
    back = "; the default is better than yours: `koans settings parameters default`" if worse else ""
    return f"The fitted parameters are not better: {kept}{back}."
