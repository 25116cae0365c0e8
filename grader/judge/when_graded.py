"""What a learner's file does at home that the grader's sandbox does not allow, found in its syntax tree.

Only code that a run can reach counts: not the block under `if __name__ == "__main__":`, not functions that nothing
calls, and not what stands in a `try` that catches the refusal.
"""

from __future__ import annotations

import ast
import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import NamedTuple

from grader.book.koan_imports import PACKAGE
from grader.book.processes import FOR_STRANGERS
from grader.book.stubs import stub_of
from grader.book.syntax import parse
from grader.book.workbook import Koan, Workbook

FILES = "the grader's sandbox does not contain your files"
PROCESSES = "the grader's sandbox cannot start processes"
NETWORK = "the grader's sandbox has no network"
# What may be refused: what the learner does, and why it fails.
READS = ("this reads a file", FILES)
WRITES = ("this writes a file", "the grader's sandbox lets code write to temporary files only")
LISTS = ("this reads a folder", FILES)
STARTS = ("this starts a program", PROCESSES)
FORKS = ("this starts processes", PROCESSES)
CONNECTS = ("this uses the network", NETWORK)
LOOPS = ("this runs an event loop of asyncio", "it needs a socket, and the grader's sandbox has none")
COMPILES = ("torch.compile starts a compiler", PROCESSES)

# The kind of a call, by the full name of what is called. `Path().` stands for any path.
_BY_KIND: Mapping[tuple[str, str], Sequence[str]] = {
    READS: (
        *("numpy.load", "numpy.loadtxt", "numpy.genfromtxt", "numpy.fromfile", "numpy.memmap", "torch.load"),
        *("torch.from_file", "runpy.run_path", "fileinput.input", "linecache.getlines", "linecache.getline"),
        *("Path().read_text", "Path().read_bytes", "sqlite3.connect", "shelve.open", "zipfile.ZipFile", "tarfile.open"),
    ),
    WRITES: (
        *("numpy.save", "numpy.savez", "numpy.savez_compressed", "numpy.savetxt", "torch.save"),
        *("Path().write_text", "Path().write_bytes", "Path().mkdir", "Path().touch", "Path().unlink", "Path().rename"),
        *("os.mkdir", "os.makedirs", "os.remove", "os.unlink", "os.rename", "os.replace", "os.rmdir", "os.mkfifo"),
        *("shutil.copy", "shutil.copyfile", "shutil.copytree", "shutil.move", "shutil.rmtree", "logging.FileHandler"),
    ),
    LISTS: (
        *("os.listdir", "os.scandir", "os.walk", "glob.glob", "glob.iglob"),
        *("Path().iterdir", "Path().glob", "Path().rglob"),
    ),
    STARTS: (
        *("subprocess.run", "subprocess.Popen", "subprocess.call", "subprocess.check_call"),
        *("subprocess.check_output", "subprocess.getoutput", "subprocess.getstatusoutput", "os.system", "os.popen"),
        *("os.execv", "os.execve", "os.execvp", "os.execl", "os.posix_spawn", "os.spawnv", "os.spawnl"),
        *("ctypes.util.find_library", "torch.utils.cpp_extension.load", "torch.utils.cpp_extension.load_inline"),
    ),
    FORKS: (
        *("os.fork", "os.forkpty", "pty.fork", "pty.spawn", "concurrent.futures.ProcessPoolExecutor"),
        *("multiprocessing.Process", "multiprocessing.Pool", "multiprocessing.Manager", "multiprocessing.Queue"),
        *("multiprocessing.SimpleQueue", "multiprocessing.JoinableQueue", "multiprocessing.Pipe"),
        *("multiprocessing.Lock", "multiprocessing.Event", "multiprocessing.Value", "multiprocessing.Array"),
        *("multiprocessing.Semaphore", "multiprocessing.Barrier", "multiprocessing.Condition", "multiprocessing.RLock"),
        *("multiprocessing.pool.Pool", "multiprocessing.pool.ThreadPool", "multiprocessing.dummy.Pool"),
        *("multiprocessing.shared_memory.SharedMemory", "joblib.Parallel"),
    ),
    CONNECTS: (
        *("socket.socket", "socket.create_connection", "socket.create_server", "socket.socketpair"),
        *("socket.gethostbyname", "socket.getaddrinfo", "http.client.HTTPConnection", "http.client.HTTPSConnection"),
        *("urllib.request.urlopen", "urllib.request.urlretrieve", "requests.get", "requests.post", "requests.request"),
        *("torch.hub.load", "torch.hub.load_state_dict_from_url", "torch.hub.download_url_to_file"),
    ),
    LOOPS: ("asyncio.run", "asyncio.Runner", "asyncio.new_event_loop", "asyncio.get_event_loop"),
    COMPILES: ("torch.compile",),
}
CALLS = {name: kind for kind, names in _BY_KIND.items() for name in names}
OPENS = ("open", "io.open", "codecs.open", "os.fdopen", "gzip.open", "bz2.open", "lzma.open", "os.open", "Path().open")
HARMLESS_FILES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", ":memory:")
# What is made by these is in memory or in the private temporary folder.
IN_MEMORY = ("tempfile.", "io.BytesIO", "io.StringIO", "os.devnull", "sys.std")
HARMLESS_COMPILERS = ("eager", "aot_eager")  # backends of torch.compile that start no compiler

# Which exceptions a refusal raises: a `try` that catches one of them does without.
EVERYTHING = frozenset({"Exception", "BaseException"})
REFUSED = EVERYTHING | {"OSError", "IOError", "EnvironmentError", "PermissionError"}
MISSING = REFUSED | {"FileNotFoundError"}
NOT_FOUND = EVERYTHING | {"ImportError", "ModuleNotFoundError"}
NO_VARIABLE = EVERYTHING | {"KeyError", "LookupError"}

NOT_THERE = ("grader", "reference", "solutions", "content", "tests", "benchmarks", "conftest")  # of the workbook itself
# What every machine that grades has.
INSTALLED = {"torch", "numpy", "jaxtyping", "triton", "typing_extensions", "sympy", "mpmath", "networkx"}
VARIABLES = {*FOR_STRANGERS, "TMPDIR"}
DEEP = 10  # assignments that are followed from one name to the next

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Finding(NamedTuple):
    """What the line does, and what becomes of it when graded."""

    line: int
    does: str
    then: str


def notes(workbook: Workbook, koan: Koan, text: str) -> tuple[str, ...]:
    """Sentences for the learner, one for each kind of thing that will not work. None for a file that does not parse."""
    if koan.kind == "kernel":  # none of its Python is run
        return ()
    try:
        tree = parse(text)
        wanted = [node.name for node in parse(stub_of(workbook, koan)).body if isinstance(node, ast.FunctionDef)]
        found = _Search(workbook, koan, tree).run(wanted)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    lines: dict[tuple[str, str], set[int]] = {}
    for finding in found:
        lines.setdefault((finding.does, finding.then), set()).add(finding.line)
    return tuple(f"when graded: {does} ({_numbers(at)}){then}" for (does, then), at in lines.items())


def _numbers(lines: set[int]) -> str:
    return f"line{'s' * (len(lines) > 1)} {', '.join(map(str, sorted(lines)))}"


class _Names:
    """What the names of a file stand for."""

    def __init__(self, tree: ast.Module) -> None:
        self.imported: dict[str, str] = {}
        self.assigned: dict[str, list[ast.expr]] = {}
        self.own: set[str] = set()  # parameters, functions and classes
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    first = alias.name.partition(".")[0]
                    self.imported[alias.asname or first] = alias.name if alias.asname else first
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    self.imported[alias.asname or alias.name] = f"{node.module}.{alias.name}"
            elif isinstance(node, ast.arg):
                self.own.add(node.arg)
            elif isinstance(node, Definition):
                self.own.add(node.name)
            else:
                self._assign(node)

    def _assign(self, node: ast.AST) -> None:
        pairs: list[tuple[ast.expr, ast.expr]] = []
        if isinstance(node, ast.Assign):
            pairs = [(target, node.value) for target in node.targets]
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
            pairs = [(node.target, node.value)]
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            pairs = [(item.optional_vars, item.context_expr) for item in node.items if item.optional_vars is not None]
        for target, value in pairs:
            for name in ast.walk(target):
                if isinstance(name, ast.Name):
                    self.assigned.setdefault(name.id, []).append(value)

    def full(self, node: ast.expr, depth: int = DEEP) -> str:
        """The full name of what an expression stands for, such as numpy.load. Empty if it is not known."""
        if isinstance(node, ast.Name):
            values = self.assigned.get(node.id, [])
            if node.id in self.imported:
                return self.imported[node.id]
            if len(values) == 1 and depth and node.id not in self.own:
                return self.full(values[0], depth - 1)
            return "" if values or node.id in self.own else node.id
        if isinstance(node, ast.Attribute):
            base = self.full(node.value, depth)
            return base if base == "Path()" and node.attr in ("parent", "parents") else base and f"{base}.{node.attr}"
        if isinstance(node, ast.Call):
            return self._made_by(self.full(node.func, depth))
        if isinstance(node, ast.Subscript):
            return self.full(node.value, depth)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            return "Path()" if "Path()" in (self.full(node.left, depth), self.full(node.right, depth)) else ""
        return ""

    def _made_by(self, function: str) -> str:
        """What a call of this function gives."""
        if function in ("pathlib.Path", "pathlib.PosixPath", "pathlib.Path.cwd", "pathlib.Path.home"):
            return "Path()"
        base, _, method = function.rpartition(".")
        if base == "Path()" and method in ("resolve", "absolute", "joinpath", "with_name", "with_suffix", "expanduser"):
            return "Path()"
        return function and f"{function}()"

    def in_memory(self, node: ast.expr, depth: int = DEEP) -> bool:
        """Whether a file is made in memory or in the temporary folder: something in the expression says so."""
        for part in ast.walk(node):
            if isinstance(part, ast.Constant) and (part.value in HARMLESS_FILES or type(part.value) is int):
                return True
            if isinstance(part, (ast.Name, ast.Attribute)) and self.full(part).startswith(IN_MEMORY):
                return True
            values = self.assigned.get(part.id, []) if isinstance(part, ast.Name) and depth else []
            if any(self.in_memory(value, depth - 1) for value in values):
                return True
        return False


class _Search:
    """Walks through what a run reaches. `caught` are the exceptions that a `try` around the place catches."""

    def __init__(self, workbook: Workbook, koan: Koan, tree: ast.Module) -> None:
        self.workbook, self.koan, self.tree = workbook, koan, tree
        self.names = _Names(tree)
        self.definitions = {node.name: node for node in _outer(tree.body) if isinstance(node, Definition)}
        self.reached: dict[str, list[frozenset[str]]] = {}
        self.found: list[Finding] = []
        # Where Python finds modules at home: the workbook, and the file's own folder if the file changes sys.path.
        searched = any(isinstance(n, ast.Attribute) and self.names.full(n) == "sys.path" for n in ast.walk(tree))
        self.places = [workbook.root, *([workbook.root / PACKAGE / koan.chapter] if searched else [])]
        self.variables = VARIABLES | {key for node in ast.walk(tree) for key in self._sets(node)}

    def run(self, wanted: Sequence[str]) -> list[Finding]:
        for node in self.tree.body:
            self._visit(node, frozenset())
        for name in wanted:
            self._reach(name, frozenset())
        return sorted(self.found)

    def _visit(self, node: ast.AST, caught: frozenset[str]) -> None:
        self.found += self._at(node, caught)
        if isinstance(node, Definition) and self.definitions.get(node.name) is node:
            self._visit_definition(node, caught)
        elif isinstance(node, ast.If) and self._never_runs(node.test):
            self._visit_all(node.orelse, caught)
        elif isinstance(node, ast.Try):
            errors = {name for handler in node.handlers for name in _caught_by(handler.type)}
            self._visit_all(node.body, caught | errors)
            self._visit_all([*node.handlers, *node.orelse, *node.finalbody], caught)
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            self._visit_all(node.items, caught)
            calls = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
            quiet = [arg for call in calls if self.names.full(call.func) == "contextlib.suppress" for arg in call.args]
            self._visit_all(node.body, caught | {name for arg in quiet for name in _caught_by(arg)})
        else:
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                self._reach(node.id, caught)
            self._visit_all(ast.iter_child_nodes(node), caught)

    def _visit_all(self, nodes: Iterator[ast.AST] | Sequence[ast.AST], caught: frozenset[str]) -> None:
        for node in nodes:
            self._visit(node, caught)

    def _visit_definition(self, node: Definition, caught: frozenset[str]) -> None:
        """What runs when the definition itself does: decorators, defaults, and the body of a class without methods."""
        self._visit_all(node.decorator_list, caught)
        if isinstance(node, ast.ClassDef):
            self._visit_all([*node.bases, *node.keywords], caught)
            self._visit_all([n for n in node.body if not isinstance(n, Definition)], caught)
        else:
            self._visit_all([d for d in (*node.args.defaults, *node.args.kw_defaults) if d is not None], caught)

    def _reach(self, name: str, caught: frozenset[str]) -> None:
        """Walk through a function or class of the file that something reached refers to."""
        node, before = self.definitions.get(name), self.reached.setdefault(name, [])
        if node is not None and not any(earlier <= caught for earlier in before):
            before.append(caught)
            self._visit_all(node.body, caught)

    def _never_runs(self, test: ast.expr) -> bool:
        """`__name__ == "__main__"` and `TYPE_CHECKING`."""
        if isinstance(test, ast.Compare):
            sides = [test.left, *test.comparators]
            return any(isinstance(s, ast.Name) and s.id == "__name__" for s in sides) and isinstance(
                test.ops[0], ast.Eq
            )
        return self.names.full(test).rpartition(".")[2] == "TYPE_CHECKING"

    def _at(self, node: ast.AST, caught: frozenset[str]) -> Iterator[Finding]:
        """What is wrong at this node itself."""
        if isinstance(node, ast.Call):
            yield from self._call(node, caught)
        elif isinstance(node, Definition):
            bare = [d for d in node.decorator_list if self.names.full(d) == "torch.compile"]
            yield from (_fails(decorator, COMPILES) for decorator in bare if not caught & EVERYTHING)
        elif isinstance(node, (ast.Import, ast.ImportFrom)) and not caught & NOT_FOUND:
            yield from self._import(node)
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and not caught & NO_VARIABLE:
            key = node.slice.value if isinstance(node.slice, ast.Constant) else None
            if self.names.full(node.value) == "os.environ" and isinstance(key, str) and key not in self.variables:
                yield Finding(
                    node.lineno,
                    f"this needs the variable {key}",
                    ", and it will fail: the grader's sandbox does not set it",
                )

    def _call(self, node: ast.Call, caught: frozenset[str]) -> Iterator[Finding]:
        name = self.names.full(node.func).replace("torch.multiprocessing.", "multiprocessing.")
        name = name.replace("multiprocessing.get_context().", "multiprocessing.")
        if name in ("importlib.import_module", "__import__") and node.args and not caught & NOT_FOUND:
            found = self._missing(_text(node.args[0]))
            yield from [Finding(node.lineno, *found)] if found is not None else []
        kind = (WRITES if _writes(node) else READS) if name in OPENS else CALLS.get(name)
        if kind is None or caught & (MISSING if kind in (READS, LISTS) else REFUSED):
            return
        if kind in (READS, WRITES, LISTS):
            receiver = [node.func.value] if isinstance(node.func, ast.Attribute) else []
            if any(map(self.names.in_memory, [*receiver, *node.args, *(k.value for k in node.keywords)])):
                return
        backends = [k.value.value for k in node.keywords if k.arg == "backend" and isinstance(k.value, ast.Constant)]
        if kind is COMPILES and backends and backends[0] in HARMLESS_COMPILERS:
            return
        yield _fails(node, kind)

    def _import(self, node: ast.Import | ast.ImportFrom) -> Iterator[Finding]:
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        else:
            above = [PACKAGE, self.koan.chapter, self.koan.name]
            above = above[: len(above) - node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            # `from exercises.ch06_numerics import softmax` imports a module of a package without contents
            modules = [f"{base}.{a.name}" for a in node.names] if base.count(".") < 2 and _is_ours(base) else [base]
        for module in modules:
            found = self._missing(module)
            if found is not None:
                yield Finding(node.lineno, *found)

    def _missing(self, module: str) -> tuple[str, str] | None:
        """What is wrong with the import of this module, if anything."""
        first, _, rest = module.partition(".")
        if not first:
            return None
        alone = ", and it will fail: only the files of koans are handed in"
        if first == PACKAGE:
            known = "." not in rest or rest.replace(".", "/") in self.workbook.koans
            return None if known else (f"this imports {module}", alone)
        if first in NOT_THERE:
            return f"this imports {module}", ", and it will fail: the grader's sandbox does not have it"
        if first in sys.stdlib_module_names:
            return None
        if any((place / f"{first}.py").exists() or (place / first).is_dir() for place in self.places):
            return f"this imports {module}", alone
        with contextlib.suppress(ImportError, ValueError):
            if first not in INSTALLED and find_spec(first) is not None:
                return f"this imports {first}", ", which may be missing there: a koan needs only torch and Python"
        return None

    def _sets(self, node: ast.AST) -> Iterator[str]:
        """The variables of the environment that a node sets."""
        if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load) and _text(node.slice):
            if self.names.full(node.value) == "os.environ":
                yield _text(node.slice)
        elif isinstance(node, ast.Call) and self.names.full(node.func) in ("os.environ.setdefault", "os.putenv"):
            yield from map(_text, node.args[:1])


def _outer(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module, also those in an `if` or a `try`."""
    for node in body:
        yield node
        if isinstance(node, (ast.If, ast.Try)):
            yield from _outer([*node.body, *node.orelse, *getattr(node, "finalbody", [])])


def _caught_by(error: ast.expr | None) -> list[str]:
    """The names of the exceptions of an `except`. One without a name catches all."""
    if error is None:
        return ["BaseException"]
    parts = error.elts if isinstance(error, ast.Tuple) else [error]
    return [part.id for part in parts if isinstance(part, ast.Name)]


def _writes(node: ast.Call) -> bool:
    """Whether a call of `open` opens a file for writing."""
    given = [k.value for k in node.keywords if k.arg == "mode"]
    is_method = isinstance(node.func, ast.Attribute) and not isinstance(node.func.value, ast.Name)
    given += node.args[0 if is_method else 1 :][:1]
    return any(set(_text(mode)) & set("wax+") for mode in given)


def _text(node: ast.expr) -> str:
    """The text of a literal, or an empty string."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == PACKAGE


def _fails(node: ast.expr, kind: tuple[str, str]) -> Finding:
    return Finding(node.lineno, kind[0], f", and it will fail: {kind[1]}")
