"""The messages between a worker and the grader: values are exact to the bit, and forged bytes do no harm."""

import math
import os
import re
import resource
import socket
import threading
import time
from unittest import mock

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader.book.forbidden import Forbidden
from grader.book.own_lines import SENT
from grader.book.serialization import DTYPES, ITEMS, LARGEST, Malformed, Unpacker, pack
from grader.checks.agreement import compare
from grader.checks.outcome import Expected, Outcome
from grader.judge.sandbox import proxy, wire
from grader.judge.sandbox.proxy import Proxy, SandboxWorker, WorkerLimits

READY = wire.frame(wire.WorkerReady(["all"], []))
LOADED = wire.frame(wire.Loaded(["f"]))
MANY = settings(
    max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True
)


def crossed(value):
    """The value after it was sent in a frame."""
    body = wire.frame(wire.Returned(1, pack(value)))[wire.HEADER :]
    return Unpacker()(wire.reply(body).value)


def same(a, b):
    """Whether two values are equal to the bit, in type, dtype, shape, strides and NaN payloads."""
    if type(a) is not type(b):
        return False
    if isinstance(a, torch.Tensor):
        if (a.shape, a.stride(), a.dtype, a.requires_grad) != (b.shape, b.stride(), b.dtype, b.requires_grad):
            return False
        return not a.numel() or torch.equal(_bytes(a), _bytes(b))
    if isinstance(a, np.ndarray):
        return (a.dtype, a.shape, a.strides, a.tobytes()) == (b.dtype, b.shape, b.strides, b.tobytes())
    if isinstance(a, np.generic):
        return a.dtype == b.dtype and a.tobytes() == b.tobytes()
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a.items(), b.items(), strict=True))
    if isinstance(a, float):
        return np.float64(a).tobytes() == np.float64(b).tobytes()
    return a == b


def _bytes(x):
    return x.detach().contiguous().reshape(-1).view(torch.uint8)


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3, 4)], ids=str)
def test_tensors_of_every_dtype_cross_to_the_bit(name, shape):
    dtype = DTYPES[name]
    size = math.prod(shape) * dtype.itemsize
    raw = torch.tensor([i * 37 % (2 if dtype == torch.bool else 256) for i in range(size)], dtype=torch.uint8)
    tensor = raw.view(dtype).reshape(shape) if size else torch.empty(shape, dtype=dtype)
    assert same(crossed(tensor), tensor)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float8_e4m3fn], ids=str)
def test_every_pattern_of_bits_crosses_nan_payloads_among_them(dtype):
    bits = torch.arange(1 << 8 * min(2, dtype.itemsize)).to(torch.int32)
    if dtype.itemsize == 4:
        patterns = (bits + 0x7F80_0001).to(torch.int32).view(dtype)  # the NaNs of fp32, signaling ones first
    else:
        patterns = bits.to(torch.uint8 if dtype.itemsize == 1 else torch.int16).view(dtype)
    assert same(crossed(patterns), patterns)


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x.T,
        lambda x: x[::2, 1:],
        lambda x: x[:, 3],
        lambda x: x[1:2].expand(5, 6),
        lambda x: x.permute(1, 0)[2:4],
        lambda x: x[2, 3],
        lambda x: x[:0],
        lambda x: x.as_strided((3, 3), (1, 1)),
        lambda x: x.clone().requires_grad_(),
    ],
)
def test_strides_overlaps_and_the_wish_for_a_gradient_cross(view):
    tensor = view(torch.arange(24.0).reshape(4, 6))
    assert same(crossed(tensor), tensor.detach().requires_grad_(tensor.requires_grad))


@pytest.mark.parametrize(
    "array",
    [
        np.arange(24.0).reshape(4, 6)[::-1, ::-2],
        np.asfortranarray(np.arange(24, dtype=np.int16).reshape(2, 3, 4)),
        np.arange(6, dtype=">f4")[::2],
        np.broadcast_to(np.float16(2), (3, 4)),
        np.zeros((0, 3), np.uint8),
        np.array(5, np.int64),
        np.array([True, False]),
        np.array([1 + 2j], np.complex64),
        np.array([0x7FF8_0000_0000_1234], np.uint64).view(np.float64),
    ],
    ids=lambda a: f"{a.dtype.str}{a.shape}",
)
def test_arrays_cross_with_their_strides_and_order(array):
    assert same(crossed(array), array)


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 0, -1, 2**63, 2**64 - 1, -(2**63), 2**64, -(2**200), 10**4000, 0.0, -0.0, 1e-320),
        *(math.inf, -math.inf, math.nan, "", "é✓", "\ud800 alone", "\0", b"", b"\xff\0", bytearray),
        *(torch.float8_e5m2, torch.bool, torch.Size([2, 3]), np.float32(1.5), np.int8(-3), np.bool_(True)),
        *([], (), {}, [[], ()], ([1], {"a": (None, [2.0])}), {1: "a", "b": 2, (3, "c"): [4], None: {}, 1.5: 0}),
    ],
    ids=repr,
)
def test_plain_values_cross(value):
    if value is bytearray:
        assert type(crossed(bytearray(3))).__name__ == "bytearray"
        return
    assert same(crossed(value), value)


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**300), 2**300)
    | st.floats(allow_nan=True)
    | st.text(st.characters())
    | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
    ),
    max_leaves=12,
)


@MANY
@given(plain)
def test_any_nesting_of_plain_values_crosses(value):
    assert same(crossed(value), value)


class Gone(Exception):
    """The proxy ended its worker."""


@pytest.fixture(scope="module")
def listening(tmp_path_factory):
    """A socket that plays the part of the zygote, and its path."""
    path = str(tmp_path_factory.mktemp("w") / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(8)
        yield path, listener


def gone(end):
    raise Gone(end)


def trusted_side(listening, data, *, close=True, seconds=5.0, value=7):
    """The result of one load and one call, if the worker sends `data` and then closes, or sends nothing more.

    Returns Gone if the proxy ended the worker.
    """
    path, listener = listening

    def worker():
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(10)
            try:
                connection.sendall(data)
                if close:
                    connection.shutdown(socket.SHUT_WR)
                while connection.recv(1 << 16):
                    pass
            except OSError:
                pass

    thread = threading.Thread(target=worker)
    thread.start()
    sandbox_worker = None
    try:
        with mock.patch.object(proxy, "TRIES", 1):
            sandbox_worker = SandboxWorker(path, wire.Load("", "f.py"), WorkerLimits(seconds=seconds), gone)
        sandbox_worker.names()
        return Proxy(sandbox_worker, "f")(value)
    except Gone as error:
        return error
    finally:
        if sandbox_worker is not None:
            sandbox_worker.close()
        thread.join(15)
        assert not thread.is_alive()


def honest(answer):
    return READY + LOADED + wire.frame(answer)


def test_an_honest_answer_is_the_result(listening):
    assert trusted_side(listening, honest(wire.Returned(1, pack([1, 2.5])))) == [1, 2.5]


@MANY
@given(st.binary(max_size=400), st.integers(0, 2))
def test_arbitrary_bytes_end_the_worker_and_nothing_else(listening, data, honest_frames):
    assert isinstance(trusted_side(listening, b"".join((READY, LOADED)[:honest_frames]) + data), Gone)


@MANY
@given(st.binary(max_size=200), st.integers(0, 2))
def test_arbitrary_bytes_in_a_frame_end_the_worker_and_nothing_else(listening, body, honest_frames):
    data = b"".join((READY, LOADED)[:honest_frames]) + len(body).to_bytes(wire.HEADER, "little") + body
    assert isinstance(trusted_side(listening, data), Gone)


ANSWERS = [
    wire.Returned(1, pack([torch.ones(3, 2), np.arange(3)[::-1], {"a": (1, 2**80)}, torch.float16, "\ud800", b"x"])),
    wire.Returned(1, pack(np.float32(2)), pack([(7,), {}]), "printed"),
    wire.Raised(1, wire.Error(["MyError", "ValueError"], "says", [wire.Frame(1, "f")])),
    wire.Raised(1, wire.Error(["SyntaxError", "SyntaxError"], "says", [], 3, 4, "text", "name")),
]


@MANY
@given(st.sampled_from(ANSWERS), st.data())
def test_a_mutated_answer_is_a_value_an_exception_or_the_end(listening, answer, data):
    body = bytearray(wire.frame(answer)[wire.HEADER :])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        if not body:
            break
    frame = len(body).to_bytes(wire.HEADER, "little") + bytes(body)
    try:
        trusted_side(listening, READY + LOADED + frame)
    except Exception as error:  # it must be the one that the worker described
        raised = error
    else:
        return
    assert hasattr(raised, SENT)


number = st.integers(-3, 2**64 - 1) | st.sampled_from([0, 1, 2, 3, LARGEST, LARGEST + 1, 2**31, 2**63, 2**64 - 1])
forged_tensor = st.tuples(
    st.just("T"),
    st.sampled_from([*DTYPES, "object", ""]),
    st.lists(number, max_size=4),
    st.lists(number, max_size=4),
    st.binary(max_size=64),
    st.booleans(),
)
forged_array = st.tuples(
    st.just("N"),
    st.sampled_from(["<f4", "|b1", ">i8", "<i,O", "2i,O", "|O8", "<U4", "<M8", "|V8", "<c16", "<f0", "<f99", "f4"]),
    st.lists(number, max_size=4),
    st.lists(number | st.integers(-(2**63), -1), max_size=4),
    number.filter(lambda n: n < 2**63),
    st.binary(max_size=64),
)
forged_scalar = st.tuples(st.just("n"), st.sampled_from(["<f4", "<i,O", "|O8", "|b1"]), st.binary(max_size=16))
forged_size = st.tuples(st.just("s"), st.lists(number.filter(lambda n: n < 2**63), max_size=40))
forged_int = st.tuples(st.just("I"), st.text("0123456789abcdef-_xX ", max_size=9000))


@MANY
@given(st.one_of(forged_tensor, forged_array, forged_scalar, forged_size, forged_int))
def test_forged_sizes_are_never_believed(node):
    body = msgspec.msgpack.encode({"type": "Returned", "id": 1, "value": node})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        value = Unpacker()(wire.reply(body).value)
    except Malformed:
        return
    finally:
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < (300 << 10)
    repr(value) if not isinstance(value, (torch.Tensor, np.ndarray)) else value.sum() if value.size else None
    compare(Outcome(value), Expected(Outcome(torch.ones(2)), Outcome(torch.ones(2))))


def test_a_foreign_numpy_dtype_never_becomes_pointers():
    for name in ("<i,O", "2i,O", "O", "|O8", "<i,i4"):
        body = msgspec.msgpack.encode({"type": "Returned", "id": 1, "value": ["N", name, [1], [16], 0, bytes(16)]})
        with pytest.raises(Malformed, match="numpy dtype"):
            Unpacker()(wire.reply(body).value)


def test_a_message_of_millions_of_values_is_refused_before_it_is_decoded():
    body = b"\x83\xa4type\xa8Returned\xa2id\x01\xa5value\x92\xa1l\xdd" + (10**7).to_bytes(4, "big") + b"\xc0" * 10**7
    with pytest.raises(Malformed, match="values in one message"):
        wire.reply(body)


def test_a_text_of_many_wide_characters_is_refused_before_it_is_decoded():
    body = msgspec.msgpack.encode({"type": "Returned", "id": 1, "value": "😀" + "x" * (5 << 20)})
    with pytest.raises(Malformed, match="text in one message"):
        wire.reply(body)


ARRAYS = {
    "no bytes": (["N", "<f4", [3], [4], 0, b""], "0 bytes where 12"),
    "strides of 2**63": (["N", "<f4", [3, 3], [-(2**63), 2**63 - 4], 0, bytes(64)], "strides"),
    "a stride of 2**63 along one element": (["N", "<f4", [1], [2**63 - 1], 0, bytes(4)], "strides"),
    "a negative offset": (["N", "<f4", [1], [4], -4, bytes(4)], "offset"),
    "an offset behind the end": (["N", "<f4", [1], [4], 2**62, bytes(4)], "offset"),
    "more bytes than it has": (["N", "<f4", [1], [4], 0, bytes(8)], "8 bytes where 4"),
    "an empty one of huge axes": (["N", "<f4", [0, 2**26], [4, 4], 0, b""], "MiB"),
    "an empty tensor of huge axes": (["T", "float32", [0, 2**26], [1, 1], b"", False, False], "MiB"),
    "a tensor without axes or bytes": (["T", "float32", [], [], b"", False, False], "0 bytes where 4"),
    "a tensor and its gradient": (["T", "float64", [2**24 + 1], [0], bytes(8), True, True], "one message"),
    "a boolean of 2": (["n", "|b1", b"\2"], "boolean"),
    "equal keys": (["d", [0, False], [1, 2]], "equal keys"),
    "a list as a key": (["d", [["l", []]], [1]], "unhashable"),
    "keys of one hash": (["d", [["I", format(i * (2**61 - 1) << 70, "x")] for i in range(1, 300)], [0] * 299], "slow"),
    "a size of 2**64": (["s", [2**64 - 1]], "size"),
}


@pytest.mark.parametrize("what", ARRAYS)
def test_a_forged_value_is_refused_before_numpy_or_torch_sees_it(what):
    node, complaint = ARRAYS[what]
    body = msgspec.msgpack.encode({"type": "Returned", "id": 1, "value": node})
    reply = wire.reply(body)
    with pytest.raises(Malformed, match=re.escape(complaint)):
        Unpacker()(reply.value)


def test_a_value_too_long_to_send_crosses_as_its_type():
    assert repr(crossed("x" * (2 << 20))) == "<str too long to send>"


def test_strides_that_lead_nowhere_may_be_of_any_size():
    one = torch.ones(1).as_strided((1,), (2**40,))
    assert torch.equal(crossed(one), one)
    array = np.lib.stride_tricks.as_strided(np.ones(1), (1,), (2**40,))
    assert np.array_equal(crossed(array), array)


def test_a_size_is_not_allocated_before_the_bytes_are_there(listening):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    end = trusted_side(listening, READY + LOADED + LARGEST.to_bytes(8, "little") + b"x" * 1000)
    assert isinstance(end, Gone)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < (64 << 10)


@pytest.mark.parametrize(
    "data",
    [b"", READY, READY[:5], READY + LOADED, READY + LOADED + b"\x01", READY + LOADED + (99).to_bytes(8, "little")],
    ids=["nothing", "ready", "half a ready", "loaded", "half a length", "no body"],
)
def test_silence_ends_at_the_deadline(listening, data, monkeypatch):
    monkeypatch.setattr(proxy, "STARTING", 0.3)
    start = time.monotonic()
    end = trusted_side(listening, data, close=False, seconds=0.3)
    assert isinstance(end, Gone)
    assert end.args[0].late
    assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (wire.Returned(2, None), "another question"),
        (wire.Returned(0, None), "another question"),
        (wire.Raised(7, wire.Error(["ValueError"], "x")), "another question"),
        (wire.Loaded(["f"]), "another question"),
        (wire.WorkerReady([], []), "another question"),
        (wire.Returned(1, pack([0] * (ITEMS + 1))), "entries in one message"),
        (wire.Returned(1, None, pack([1, 2])), "inputs that are none"),
        (wire.Returned(1, None, pack({0: 1})), "inputs that are none"),
    ],
)
def test_an_answer_out_of_turn_is_nonsense(listening, answer, complaint):
    end = trusted_side(listening, honest(answer))
    assert isinstance(end, Gone)
    assert complaint in end.args[0].nonsense


@pytest.mark.parametrize(
    "names", [["__getattr__"], ["__class__"], ["_x"], ["a b"], [""], ["a.b"], ["f"] * 20_000, ["x" * 300]]
)
def test_only_names_of_functions_are_taken(listening, names):
    end = trusted_side(listening, READY + wire.frame(wire.Loaded(names)))
    assert isinstance(end, Gone)


@pytest.mark.parametrize(
    ("types", "raised"),
    [
        (["ZeroDivisionError", "ZeroDivisionError", "ArithmeticError", "Exception"], ZeroDivisionError),
        (["AxisError", "ValueError", "IndexError", "LookupError", "Exception"], IndexError),
        (["AxisError", "ValueError", "IndexError", "LookupError", "Exception"], ValueError),
        (["Odd", "OSError", "ImportError"], OSError),
        (["Skipped", "OutcomeException"], Exception),
        (["KeyboardInterrupt"], Exception),
        (["ExceptionGroup", "Exception"], Exception),
        (["UnicodeDecodeError", "UnicodeDecodeError", "UnicodeError", "ValueError"], UnicodeDecodeError),
        (["Forbidden"], Forbidden),
        (["\x1b[2J", "OSError"], OSError),
        ([], Exception),
    ],
)
def test_an_exception_is_raised_as_its_builtin_bases_and_its_texts_are_cut(listening, types, raised):
    error = wire.Error(types, "m" * 1_000_000, [wire.Frame(10**9, "f")] * 1000, 10**12, 10**12, "t" * 1_000_000)
    with pytest.raises(raised) as caught:
        trusted_side(listening, honest(wire.Raised(1, error, "o" * 1_000_000)))
    assert len(str(caught.value.args[0])) <= 4000
    assert "\x1b" not in type(caught.value).__name__
    assert not isinstance(caught.value, (KeyboardInterrupt, ExceptionGroup))


def test_a_class_of_ones_own_is_not_the_builtin_one_of_its_name(listening):
    with pytest.raises(Exception, match="mine") as caught:
        trusted_side(listening, honest(wire.Raised(1, wire.Error(["ValueError", "Exception"], "mine"))))
    assert type(caught.value).__name__ == "ValueError"
    assert not isinstance(caught.value, ValueError)


def test_a_column_of_a_syntax_error_lies_on_its_line(listening):
    error = wire.Error(["SyntaxError", "SyntaxError"], "says", [], 1, 10**12, "x = 1")
    with pytest.raises(SyntaxError) as caught:
        trusted_side(listening, honest(wire.Raised(1, error)))
    assert caught.value.offset == 6


def test_bytes_that_come_one_at_a_time_take_no_more_memory_than_they_are():
    read, write = os.pipe()
    data = wire.frame(wire.Returned(1, pack(b"x" * 2000)))

    def drip():
        for byte in data:
            os.write(write, bytes([byte]))
        os.close(write)

    thread = threading.Thread(target=drip)
    thread.start()
    assert bytes(wire.read_frame(read)) == data[wire.HEADER :]
    thread.join()
    os.close(read)


def test_a_tensor_without_memory_of_its_own_is_refused():
    escaped = []
    torch.func.vmap(lambda row: (escaped.append(row), row)[1])(torch.ones(2, 3))
    with pytest.raises(RuntimeError, match="vmap"):
        pack(escaped[0])
    with pytest.raises(RuntimeError, match="ZeroTensor"):
        pack(torch._efficientzerotensor(3))


def test_an_empty_tensor_crosses_whatever_its_strides():
    empty = torch.zeros(1, dtype=torch.float16).expand(0)
    back = Unpacker()(pack(empty))
    assert (back.shape, back.dtype, back.stride()) == (empty.shape, empty.dtype, empty.stride())
