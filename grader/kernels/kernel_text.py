"""A kernel koan as data: the text of `@triton.jit` functions, constants and one literal CONFIG, and nothing else.

The text comes from strangers, so a list says what a kernel may contain: arithmetic on tiles. Everything else is
refused, and the error gives its line. The tile machine walks the syntax tree and gives nothing to Python. The processes
that compile a kernel, or run it on a GPU, do: a `def` evaluates defaults and annotations, Triton's compiler evaluates
what is constant, and its interpreter, with which tests compare, takes the *last* line of a kernel that starts with
`def ` as its head, even a line of a docstring.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from grader.book.syntax import parse
from grader.book.verdict import one_line

# The functions of triton.language that compute on tiles. Writing tl.softmax is a koan, so it is not allowed.
FUNCTIONS = frozenset(
    """program_id num_programs arange zeros zeros_like full load store dot where sum max min argmax argmin maximum
    minimum add sub mul exp exp2 log log2 sqrt rsqrt sqrt_rn div_rn fdiv abs floor ceil cos sin erf sigmoid fma clamp
    cdiv cast trans permute reshape ravel expand_dims broadcast broadcast_to cumsum cumprod reduce associative_scan flip
    join split interleave cat xor_sum swizzle2d range static_range multiple_of max_contiguous max_constancy assume
    static_assert device_assert debug_barrier umulhi sort topk gather histogram rand randn randint rand4x randn4x
    randint4x atomic_add atomic_max atomic_min atomic_and atomic_or atomic_xor atomic_xchg atomic_cas""".split()  # noqa: SIM905
)
DTYPES = frozenset(
    """float8e4nv float8e5 float16 bfloat16 float32 float64 int1 int8 int16 int32 int64 uint8 uint16 uint32
    uint64""".split()  # noqa: SIM905
)
# What to write instead of names of triton.language that are not allowed.
ADVICE: Mapping[str, str] = {
    "mean": "Triton has no mean: divide tl.sum(x, axis=0) by the number of elements",
    "matmul": "tl.dot multiplies tiles",
    "relu": "write tl.maximum(x, 0.0)",
    "tanh": "write it with tl.exp or tl.sigmoid",
    "softmax": "write it with tl.max, tl.exp and tl.sum",
    "make_block_ptr": "triton 3.9 removed it: add offsets to the pointer",
    "make_tensor_descriptor": "add offsets to the pointer",
    "device_print": "to see values, store them and look at the result",
    "static_print": "to see values, store them and look at the result",
    "dot_scaled": "scaled formats are not supported here: cast the tiles and call tl.dot",
    "constexpr": "write the number itself, or X = tl.constexpr(2) outside of the kernels",
    "tensor": "tl.full and tl.zeros make tiles",
    "reduce_or": "some versions of Triton lack it: write tl.max of numbers that are 0 or 1",
    "PropagateNan": "if one number is NaN, tl.maximum and tl.minimum return the other; x != x finds a NaN",
    **dict.fromkeys(
        ("atomic_load", "atomic_store", "atomic_poll"),
        "some versions of Triton lack it: write tl.load, tl.store or tl.atomic_*",
    ),
    **dict.fromkeys(
        ("load_tensor_descriptor", "store_tensor_descriptor"), "add offsets to the pointer for tl.load and tl.store"
    ),
    **dict.fromkeys(
        ("view", "squeeze", "unsqueeze"), "some versions of Triton lack it: write tl.reshape or tl.expand_dims"
    ),
    **dict.fromkeys(
        ("float8e4b15", "float8e4b8", "float8e5b16"), "an H100 has the fp8 of tl.float8e4nv and tl.float8e5"
    ),
    **dict.fromkeys(("inline_asm_elementwise", "extra"), "machine code cannot be run here, on a CPU"),
}
UNKNOWN = "this workbook does not support it"
# Calls whose second argument may be a message.
ASSERTIONS = ("tl.static_assert", "tl.device_assert")
# Decorators of Triton's that a kernel file does without, and why.
DECORATORS = {
    "triton.autotune": "list the choices in TUNE = [{…}] instead of @triton.autotune: a GPU tries them all",
    "triton.heuristics": "put the numbers in CONFIG instead of @triton.heuristics: the launcher is fixed",
}
# Properties of a tile, of a pointer and of their dtypes, and methods: x.sum(axis=0) is tl.sum(x, axis=0).
PROPERTIES = frozenset({"T", "dtype", "element_ty", "shape", "type"})
METHODS = frozenset(
    """to cast trans permute reshape broadcast_to expand_dims split ravel flip abs exp exp2 log log2 sqrt sqrt_rn rsqrt
    sin cos floor ceil erf sigmoid cdiv sum max min argmax argmin xor_sum cumsum cumprod sort gather
    histogram""".split()  # noqa: SIM905
)
CALLS = frozenset({"range", "min", "max"})
RESERVED = CALLS | {"tl", "triton", "float", "CONFIG", "TUNE"}
CONSTANT = "tl.constexpr"
FLOATS = frozenset({"inf", "-inf", "nan"})  # float("inf") is how Triton spells it
# Keyword arguments whose value is a string, and the values.
KEYWORD_VALUES = {
    "fp_downcast_rounding": {"rtne", "rtz"},
    "input_precision": {"tf32", "tf32x3", "ieee"},
    "cache_modifier": {"", ".ca", ".cg", ".cv", ".wb", ".cs", ".wt"},
    "eviction_policy": {"", "evict_first", "evict_last"},
    "sem": {"acquire", "release", "acq_rel", "relaxed"},
    "scope": {"cta", "gpu", "sys"},
}
STATEMENTS = (
    ast.Assign,
    ast.AugAssign,
    ast.AnnAssign,
    ast.Expr,
    ast.For,
    ast.While,
    ast.If,
    ast.Return,
    ast.Pass,
)
EXPRESSIONS = (
    *(ast.Name, ast.Constant, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Tuple, ast.List),
    *(ast.Subscript, ast.Slice, ast.Call, ast.Attribute, ast.keyword, ast.operator, ast.unaryop, ast.boolop, ast.cmpop),
    ast.expr_context,
)
# Options of triton.compile beside num_warps and num_stages, in any version from 3.6 to 3.10.
COMPILER_OPTIONS = frozenset(
    """num_ctas warp_size maxnreg ptx_version ptx_options ir_override enable_fp_fusion enable_reflect_ftz arch debug
    launch_cooperative_grid launch_pdl cluster_dims supported_fp8_dtypes deprecated_fp8_dot_operand_dtypes
    default_dot_input_precision allowed_dot_input_precisions max_num_imprecise_acc_default extern_libs backend_name
    sanitize_overflow instrumentation_mode grid warmup device stream""".split()  # noqa: SIM905
)
REFUSED = (ast.Pow, ast.MatMult, ast.In, ast.NotIn)
IMPORTS = ("import triton", "import triton.language as tl", "from triton import language as tl")
# str.splitlines ends a line at these characters and Python does not. Without them both see the same lines, so the lines
# that run are the lines that were checked.
LINE_SEPARATORS = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"


MAX_CHOICES = 8  # each choice is compiled and timed a few times
# The largest kernel of the workbook has 5,000 characters, 1,200 parts and 14 levels. All that reads a text is quick and
# needs no deep recursion within these limits.
MOST_CHARACTERS = 1 << 15
MOST_PARTS = 10_000  # nodes of the syntax tree
MOST_LEVELS = 50
MOST_BITS = 128  # of a whole number; longer ones are slow to print
LONGEST_MESSAGE = 400


class KernelSyntaxError(SyntaxError):
    """Something in a kernel file that is not allowed. The message says what to write instead; the line is given."""


class YourTurn(NotImplementedError):
    """The kernel is still the stub."""


@dataclass(frozen=True, eq=False)
class KernelText:
    """A checked kernel file: its lines as written, the syntax tree of each kernel by name, and CONFIG.

    `constants` are the statements X = tl.constexpr(2). `choices` is TUNE: other values for some keys of CONFIG, to be
    timed on a GPU.
    """

    file: str
    lines: tuple[str, ...]
    functions: Mapping[str, ast.FunctionDef]
    config: Mapping[str, Any]
    choices: tuple[Mapping[str, Any], ...] = ()
    constants: tuple[ast.Assign, ...] = ()

    @cached_property
    def key(self) -> str:
        """A hash of the text."""
        return hashlib.sha256("".join(self.lines).encode()).hexdigest()[:16]


@lru_cache(maxsize=256)
def read(source: str, file: str, *, checked: bool = False) -> KernelText:
    """Read the kernels and CONFIG from a learner's text. Raises KernelSyntaxError (or SyntaxError) with the line.

    `checked`: the kernels are our own, or were read before. Then what they hold is not checked again.
    """
    if len(source) > MOST_CHARACTERS:
        message = f"the file has {len(source):,} characters, but a kernel file may have at most {MOST_CHARACTERS:,}"
        raise KernelSyntaxError(message, (file, 1, 1, ""))
    _refuse_line_separators(source, file)
    tree = parse(source, file)
    if not checked:
        _refuse_large_trees(tree, file)
    functions, constants, config, tune = _parts(tree, file)
    if config is None:
        raise KernelSyntaxError("CONFIG = {…} is missing", (file, 1, 0, ""))
    for function in () if checked else functions.values():
        _check(function, functions.keys(), constants.keys(), file)
    choices = _choices(tune, config, file) if tune is not None else ()
    return KernelText(file, tuple(source.splitlines(True)), functions, config, choices, tuple(constants.values()))


def _refuse_line_separators(source: str, file: str) -> None:
    position = next((i for i, c in enumerate(source) if c in LINE_SEPARATORS), None)
    if position is not None:
        line = source.count("\n", 0, position) + 1
        raise KernelSyntaxError(f"line {line} holds a control character", (file, line, 1, ""))


def _refuse_large_trees(tree: ast.Module, file: str) -> None:
    """Raises KernelSyntaxError for a file with too many parts, too many levels, or a huge number."""
    parts, level, nodes = 0, 0, list[ast.AST](tree.body)
    while nodes:
        parts, level = parts + len(nodes), level + 1
        if parts > MOST_PARTS:
            raise _error(nodes[0], file, f"the file has more than {MOST_PARTS:,} names, numbers and operations")
        if level > MOST_LEVELS:
            raise _error(nodes[0], file, "it is nested too deeply: give parts of it names")
        for node in nodes:
            if isinstance(node, ast.Constant) and type(node.value) is int and node.value.bit_length() > MOST_BITS:
                raise _error(node, file, f"a number of more than {MOST_BITS} bits")
        nodes = [child for node in nodes for child in ast.iter_child_nodes(node)]


def _parts(
    tree: ast.Module, file: str
) -> tuple[dict[str, ast.FunctionDef], dict[str, ast.Assign], Mapping[str, Any] | None, ast.Assign | None]:
    """The kernels and constants by name, the value of CONFIG, and the statement of TUNE. Others are refused."""
    functions: dict[str, ast.FunctionDef] = {}
    constants: dict[str, ast.Assign] = {}
    config: Mapping[str, Any] | None = None
    tune: ast.Assign | None = None
    for node in tree.body:
        match node:
            case ast.FunctionDef():
                _check_head(node, (RESERVED, functions, constants), file)
                functions[node.name] = node
            case ast.Assign(targets=[ast.Name(id="CONFIG")]):
                config = _literal(node, file)
            case ast.Assign(targets=[ast.Name(id="TUNE")]):
                tune = node
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as value):
                if name in RESERVED or name in functions or name in constants or name.startswith("_"):
                    raise _error(node, file, f"`{name}` cannot be the name of a constant here, or appears twice")
                _check_constant(node, value, file)
                constants[name] = node
            case ast.AnnAssign(target=ast.Name(id=name)) if ast.unparse(node.annotation) == CONSTANT:
                message = f"an annotation alone makes no constant: write {name} = tl.constexpr(…)"
                raise _error(node, file, message)
            case ast.Import() | ast.ImportFrom():
                _check_import(node, file)
            case ast.Expr(value=ast.Constant()):
                pass  # a docstring, or a number that does nothing
            case _:
                message = (
                    "a kernel file holds @triton.jit functions, CONFIG = {…}, TUNE = […] and constants, "
                    "X = tl.constexpr(2), and nothing else"
                )
                raise _error(node, file, message)
    return functions, constants, config, tune


def _check_constant(node: ast.Assign, value: ast.Call, file: str) -> None:
    """A constant is a number: it is evaluated when the kernels are loaded."""
    number = value.args[0] if len(value.args) == 1 and not value.keywords else None
    if isinstance(number, ast.UnaryOp) and isinstance(number.op, ast.USub):
        number = number.operand
    if (
        ast.unparse(value.func) != CONSTANT
        or not isinstance(number, ast.Constant)
        or type(number.value) not in (int, float, bool)
    ):
        raise _error(
            node,
            file,
            f"`{ast.unparse(node)}`: a constant of a kernel file must be a number, as in X = tl.constexpr(2)",
        )


def _check_head(node: ast.FunctionDef, used_names: tuple[Collection[str], ...], file: str) -> None:
    """A kernel must be marked @triton.jit, and its name must be new."""
    decorators = [ast.unparse(d.func if isinstance(d, ast.Call) else d) for d in node.decorator_list]
    advice = next((DECORATORS[d] for d in decorators if d in DECORATORS), None)
    if advice is not None:
        raise _error(node, file, f"{node.name}: {advice}")
    if [ast.unparse(d) for d in node.decorator_list] != ["triton.jit"]:
        message = f"{node.name}: a kernel file holds functions marked @triton.jit and nothing else"
        raise _error(node, file, message)
    if any(node.name in names for names in used_names) or node.name.startswith("_"):
        raise _error(node, file, f"`{node.name}` cannot be the name of a kernel here, or appears twice")


def _check_import(node: ast.Import | ast.ImportFrom, file: str) -> None:
    if ast.unparse(node) not in IMPORTS:
        raise _error(node, file, "a kernel file imports triton and triton.language as tl, and nothing else")


def _literal(node: ast.Assign, file: str) -> Mapping[str, Any]:
    """The value of CONFIG."""
    try:
        value = ast.literal_eval(node.value)
    except (ValueError, TypeError):
        raise _error(node, file, "CONFIG must be written out: a dict of names and numbers, no expressions") from None
    if not isinstance(value, dict) or not all(isinstance(k, str) for k in value):
        raise _error(node, file, "CONFIG must be a dict with names as keys")
    _check_values(node, value, file)
    return value


def _check_values(node: ast.Assign, config: Mapping[str, Any], file: str) -> None:
    """CONFIG is given to Triton, whose other options change how a kernel is compiled. Some take paths or commands."""
    for name, value in config.items():
        if name in COMPILER_OPTIONS:
            raise _error(
                node, file, f"`{name}` is not allowed in CONFIG: of Triton's options only num_warps and num_stages"
            )
        if type(value) not in (int, float, bool):
            raise _error(node, file, f"CONFIG and TUNE hold numbers; {name} is {value!r}")


def _choices(node: ast.Assign, config: Mapping[str, Any], file: str) -> tuple[Mapping[str, Any], ...]:
    """The value of TUNE: each choice gives other values to some keys of CONFIG."""
    try:
        value = ast.literal_eval(node.value)
    except (ValueError, TypeError):
        raise _error(node, file, "TUNE must be written out: a list of dicts, no expressions") from None
    if not isinstance(value, list) or not all(
        isinstance(choice, dict) and set(choice) <= set(config) for choice in value
    ):
        raise _error(node, file, "TUNE must be a list of dicts, each with some of CONFIG's names")
    for choice in value:
        _check_values(node, choice, file)
    if len(value) > MAX_CHOICES:
        raise _error(node, file, f"TUNE has {len(value)} choices; more than {MAX_CHOICES} take too long to try")
    return tuple(value)


@lru_cache(maxsize=4096)
def is_stub(function: ast.FunctionDef) -> bool:
    """Does the body still raise "your turn"? A stub is never run, and its body is not checked."""
    return any(isinstance(n, ast.Raise) and "your turn" in ast.unparse(n) for n in ast.walk(function))


def kernel_lines(text: KernelText) -> str:
    """The text of kernels and constants, without stubs. Line numbers stay: errors point at the learner's own line."""
    keep = [False] * len(text.lines)
    functions = [node for node in text.functions.values() if not is_stub(node)]
    parts: list[ast.FunctionDef | ast.Assign] = sorted([*functions, *text.constants], key=lambda node: node.lineno)
    for node in parts:
        first = node.decorator_list[0].lineno if isinstance(node, ast.FunctionDef) else node.lineno
        for i in range(first - 1, node.end_lineno or node.lineno):
            keep[i] = True
    source = "".join(line if k else "\n" for line, k in zip(text.lines, keep, strict=True))
    checked = ast.Module(list(parts), [])
    if ast.dump(parse(source)) != ast.dump(checked):  # the text that runs must be the text that was checked
        raise KernelSyntaxError("the kernels could not be separated from the rest of the file", (text.file, 1, 1, ""))
    return source


def _check(function: ast.FunctionDef, kernels: Set[str], constants: Set[str], file: str) -> None:
    """Check one kernel. `kernels` and `constants` are the names of all kernels and constants of the file."""
    _check_signature(function, file)
    body = function.body
    docstring = ast.get_docstring(function, clean=False)
    if docstring is not None:
        if any(line.strip().startswith("def ") for line in docstring.splitlines()):
            raise _error(body[0], file, "a line of a kernel's docstring must not start with `def `")
        body = body[1:]
    if is_stub(function):
        return
    parameters = {a.arg for a in _parameters(function)}
    names = parameters | {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    for name in names:
        if name in RESERVED or name in kernels or (name.startswith("_") and name != "_"):
            raise _error(function, file, f"`{name}` cannot be the name of a variable in a kernel")
    checker = _Checker(names | constants, kernels, file)
    for statement in body:
        checker.statement(statement)


def _parameters(function: ast.FunctionDef) -> list[ast.arg]:
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]


def _check_signature(function: ast.FunctionDef, file: str) -> None:
    """A `def` evaluates its defaults and annotations, so only numbers and tl.constexpr are allowed there."""
    arguments = function.args
    if arguments.vararg or arguments.kwarg or function.returns or getattr(function, "type_params", None):
        raise _error(function, file, "a kernel has plain parameters: no *, **, -> or type parameters")
    names = [parameter.arg for parameter in _parameters(function)]
    if len(set(names)) < len(names):
        raise _error(function, file, f"{function.name} has two parameters of the same name")
    for parameter in _parameters(function):
        if parameter.annotation is not None and ast.unparse(parameter.annotation) != "tl.constexpr":
            raise _error(
                parameter, file, f"`{ast.unparse(parameter)}`: the only annotation in a kernel is tl.constexpr"
            )
    for default in [*arguments.defaults, *(d for d in arguments.kw_defaults if d is not None)]:
        if not (isinstance(default, ast.Constant) and isinstance(default.value, (int, float, type(None)))):
            raise _error(default, file, f"`{ast.unparse(default)}` cannot be a default in a kernel: write a number")


@dataclass(frozen=True)
class _Checker:
    """Checks the body of one kernel. `names` are its parameters and variables and the file's constants, `kernels` all
    kernels of the file.
    """

    names: Set[str]
    kernels: Set[str]
    file: str

    def statement(self, node: ast.stmt) -> None:
        if not isinstance(node, STATEMENTS):
            raise self.error(node, f"`{ast.unparse(node).splitlines()[0]}` is not allowed in a kernel")
        if isinstance(node, ast.Expr) and not isinstance(node.value, ast.Call):
            raise self.error(node, f"`{ast.unparse(node)}` does nothing: assign it or store it")
        if isinstance(node, ast.AnnAssign):
            if ast.unparse(node.annotation) != "tl.constexpr":
                raise self.error(node, "the only annotation in a kernel is tl.constexpr")
            self.target(node.target)
            if node.value is not None:
                self.expression(node.value)
            return
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            if target is not None:
                self.target(target)
        if isinstance(node, ast.For) and not (isinstance(node.iter, ast.Call) and _dotted(node.iter.func) in _LOOPS):
            raise self.error(node, "a loop in a kernel runs over range(...), tl.range(...) or tl.static_range(...)")
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                self.statement(child)
            else:
                self.expression(child)

    def target(self, node: ast.expr) -> None:
        flat = node.elts if isinstance(node, ast.Tuple) else [node]
        if not all(isinstance(n, ast.Name) for n in flat):
            raise self.error(
                node, f"`{ast.unparse(node)}` cannot be assigned to: assign to names, and write memory with tl.store"
            )

    def expression(self, node: ast.AST) -> None:
        if not isinstance(node, EXPRESSIONS):
            raise self.error(node, f"`{ast.unparse(node)}` is not allowed in a kernel: write it with tl.*")
        if isinstance(node, (ast.BinOp, ast.Compare, ast.AugAssign)):
            ops = node.ops if isinstance(node, ast.Compare) else [node.op]
            if any(isinstance(op, REFUSED) for op in ops):
                raise self.error(node, f"`{ast.unparse(node)}`: a kernel has no **, @ or `in`; tl.dot multiplies tiles")
        if isinstance(node, ast.Compare) and _is_of_a_number(node):
            raise self.error(node, f"`{ast.unparse(node)}`: write == or != in a kernel; `is` is only for None")
        if isinstance(node, ast.Constant) and not isinstance(node.value, (int, float, type(None))):
            raise self.error(node, f"`{ast.unparse(node)}` is not allowed in a kernel: use only numbers")
        if isinstance(node, ast.Name) and node.id.startswith("_") and node.id != "_":
            raise self.error(node, f"`{node.id}`: names in a kernel do not start with an underscore")
        if isinstance(node, ast.Name) and not any(node.id in names for names in (self.names, CALLS, self.kernels)):
            raise self.error(node, f"`{node.id}` is not a parameter or variable of this kernel")
        if isinstance(node, ast.Attribute):
            self.attribute(node, called=False)
        elif isinstance(node, ast.Call):
            self.call(node)
        else:
            for child in ast.iter_child_nodes(node):
                self.expression(child)

    def attribute(self, node: ast.Attribute, *, called: bool) -> None:
        head, name = _dotted(node.value), node.attr
        if head in ("tl", "tl.math"):
            if name in (FUNCTIONS if called else DTYPES):
                return
            known = FUNCTIONS | DTYPES
            why = ADVICE.get(name, "call it, do not only name it" if name in known else UNKNOWN)
            raise self.error(node, f"`{head}.{name}` is not allowed in a kernel: {why}")
        if node.attr not in (METHODS if called else PROPERTIES):
            text = ast.unparse(node)
            first = text.removeprefix("tl.").partition(".")[0] if text.startswith("tl.") else ""  # tl.extra.cuda.smid
            allowed = "use only tl.* and attributes of tiles, such as .to, .T, .dtype, .shape, .sum"
            why = "call it, do not only name it" if node.attr in METHODS else ADVICE.get(node.attr, allowed)
            why = ADVICE.get(first, why)
            raise self.error(node, f"`{text}` is not allowed in a kernel: {why}")
        self.expression(node.value)

    def call(self, node: ast.Call) -> None:
        name = _dotted(node.func)
        if name == "float":
            word = node.args[0] if len(node.args) == 1 and not node.keywords else None
            if not (isinstance(word, ast.Constant) and word.value in FLOATS):
                raise self.error(
                    node, f'`{ast.unparse(node)}`: a kernel may call float only as float("inf") or float("-inf")'
                )
            return
        if isinstance(node.func, ast.Attribute):
            self.attribute(node.func, called=True)
        elif name not in CALLS and name not in self.kernels:
            called = ast.unparse(node.func)
            raise self.error(
                node, f"`{called}(…)` cannot be called in a kernel: use tl.*, range or another kernel of this file"
            )
        arguments = node.args
        if name in ASSERTIONS and len(arguments) == 2 and self.is_message(arguments[1]):
            arguments = arguments[:1]
        for argument in arguments:
            self.expression(argument)
        for keyword in node.keywords:
            self.keyword(keyword)

    def is_message(self, node: ast.expr) -> bool:
        """A string on one line. The second line of a longer one could start with `def `."""
        return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.lineno == node.end_lineno

    def keyword(self, node: ast.keyword) -> None:
        if node.arg is None or node.arg.startswith("_"):
            raise self.error(node.value, f"`{ast.unparse(node)}` is not allowed as an argument in a kernel")
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            if node.value.value not in KEYWORD_VALUES.get(node.arg, ()):
                raise self.error(node.value, f"`{ast.unparse(node)}` is not allowed as an argument in a kernel")
            return
        self.expression(node.value)

    def error(self, node: ast.AST, message: str) -> KernelSyntaxError:
        return _error(node, self.file, message)


def _is_of_a_number(node: ast.Compare) -> bool:
    """Is `is` used for more than None? Whether two numbers are one object is not the same in Triton and in Python."""
    return any(
        isinstance(op, ast.Is | ast.IsNot) and not (isinstance(other, ast.Constant) and other.value is None)
        for op, other in zip(node.ops, node.comparators, strict=True)
    )


def _dotted(node: ast.AST) -> str:
    """The text of a name or of names with dots between; empty for all else."""
    if isinstance(node, ast.Attribute):
        head = _dotted(node.value)
        return f"{head}.{node.attr}" if head else ""
    return node.id if isinstance(node, ast.Name) else ""


_LOOPS = ("range", "tl.range", "tl.static_range")


def _error(node: ast.AST, file: str, message: str) -> KernelSyntaxError:
    line = getattr(node, "lineno", 1)
    return KernelSyntaxError(one_line(message, LONGEST_MESSAGE), (file, line, getattr(node, "col_offset", 0) + 1, ""))
