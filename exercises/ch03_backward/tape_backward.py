"""Reading the tape backwards

While a program runs forward, autograd writes down for each value which earlier values it was computed from and how fast
it changes with each of them. One walk over these notes, in the right order, gives the gradient of a result by
every value there is.
"""


def tape_backward(tape: list[list[tuple[int, float]]], output: int) -> list[float]:
    """The gradient of value `output` by every value on the tape, in the order of the tape.

    tape[i] lists (j, slope) for each input of value i: it was computed from value j, and `slope` is how fast value i
    changes with that input alone. Inputs stand before what is computed from them. A leaf has no inputs. A value used
    twice by the same operation is listed twice. What `output` does not depend on has gradient 0.0; `output` by itself
    is 1.0.

        z = x·y + x at x = 2, y = 3:    value 0  x               []
                                        value 1  y               []
                                        value 2  x·y             [(0, 3.0), (1, 2.0)]
                                        value 3  x·y + x         [(2, 1.0), (0, 1.0)]
        tape_backward(tape, 3)   ->   [4.0, 2.0, 1.0, 1.0]       x gets 3.0 by way of the product and 1.0 directly

    A tape may be thousands of values long, and the number of paths through it astronomical: visit each value once.
    """
    raise NotImplementedError("your turn")
