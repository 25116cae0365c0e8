"""The tape, read backward

While a program runs forward, autograd makes a record for each value: the earlier values that it was computed from, and
how fast it changes with each of them. These records are the tape. One walk over the tape, in the right order, gives the
gradient of a result with respect to every value.
"""


def tape_backward(tape: list[list[tuple[int, float]]], output: int) -> list[float]:
    """The gradient of value `output` with respect to every value on the tape, in the order of the tape.

    tape[i] lists (j, slope) for each input of value i: value i was computed from value j, and `slope` is how fast value
    i changes when only that input changes. An input comes before the values computed from it. A leaf has no inputs. If
    one operation uses a value twice, the value is listed twice. A value that `output` does not depend on has gradient
    0.0. The gradient of `output` with respect to itself is 1.0.

        z = x·y + x at x = 2, y = 3:    value 0  x               []
                                        value 1  y               []
                                        value 2  x·y             [(0, 3.0), (1, 2.0)]
                                        value 3  x·y + x         [(2, 1.0), (0, 1.0)]
        tape_backward(tape, 3)   ->   [4.0, 2.0, 1.0, 1.0]       x gets 3.0 through the product and 1.0 directly

    A tape may have thousands of values and an enormous number of paths: visit each value once.
    """
    ### BEGIN SOLUTION
    gradients = [0.0] * len(tape)
    gradients[output] = 1.0
    for i in range(output, -1, -1):
        for j, slope in tape[i]:
            gradients[j] += gradients[i] * slope
    return gradients
    ### END SOLUTION
