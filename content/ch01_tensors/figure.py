"""One buffer of 24 numbers, read as a fresh table, as its transpose and as one row repeated."""

from itertools import product

from matplotlib.figure import Figure

from reference.ch01_tensors.element_at import element_at
from reference.ch01_tensors.row_major_strides import row_major_strides
from reference.ch01_tensors.transpose_view import transpose_view

SHAPE = (4, 6)
PLACES = [float(place) for place in range(24)]  # every element says where it lies


def draw():
    figure = Figure(figsize=(4.2, 5.4), layout="constrained")
    fresh, turned, order = figure.subplot_mosaic(
        [["fresh", "turned"], ["order", "order"]], height_ratios=(1, 1)
    ).values()
    strides = row_major_strides(SHAPE)
    turned_shape, turned_strides, contiguous = transpose_view(SHAPE, strides, 0, 1)
    word = "contiguous" if contiguous else "not contiguous"
    _table(fresh, SHAPE, strides, f"x: shape {SHAPE}\nstrides {strides}\ncontiguous")
    _table(turned, turned_shape, turned_strides, f"x.T: shape {turned_shape}\nstrides {turned_strides}\n{word}")
    _order(order, strides, turned_shape, turned_strides)
    return figure


def _read(shape, strides):
    """Where each element lies, in the order of the indices."""
    return [element_at(PLACES, shape, strides, 0, index) for index in product(*map(range, shape))]


def _table(axes, shape, strides, title):
    rows, columns = shape
    places = _read(shape, strides)
    table = [places[i * columns : (i + 1) * columns] for i in range(rows)]
    axes.imshow(table, cmap="Greys", vmin=-4, vmax=60, aspect="equal")
    for i, row in enumerate(table):
        for j, place in enumerate(row):
            axes.text(j, i, f"{place:.0f}", ha="center", va="center")
    axes.set_xticks(range(columns))
    axes.set_yticks(range(rows))
    axes.set_xlabel("second index")
    axes.set_ylabel("first index")
    axes.tick_params(length=0)
    axes.spines[["top", "right"]].set_visible(True)
    axes.set_title(title, loc="left")


def _order(axes, strides, turned_shape, turned_strides):
    repeated = (0, strides[1])
    lines = {
        f"x, strides {strides}": (_read(SHAPE, strides), "-", "black"),
        f"x.T, strides {turned_strides}": (_read(turned_shape, turned_strides), "o--", "0.45"),
        f"x[:1].expand(4, 6), strides {repeated}": (_read(SHAPE, repeated), "s:", "0.6"),
    }
    for label, (places, style, color) in lines.items():
        axes.plot(range(len(places)), places, style, color=color, ms=3, lw=1.2, label=label)
    axes.set(xlim=(-0.5, 23.5), ylim=(-1, 36))
    axes.set_xticks(range(0, 24, 4))
    axes.set_yticks(range(0, 24, 6))
    axes.set_title("Read in the order of the indices, last one fastest", loc="left")
    axes.set_xlabel("step (elements read before)")
    axes.set_ylabel("place in the buffer (element)")
    axes.legend(loc="upper left", frameon=False, handlelength=3, borderaxespad=0.1)
