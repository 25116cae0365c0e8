"""What the standard library has on Linux and lacks on another system, by typeshed, which is part of mypy."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import mypy

STUBS = Path(mypy.__file__).parent / "typeshed/stdlib"
SYSTEMS = {"windows": "win32", "macos": "darwin"}  # our name of a mode, and `sys.platform`
# In these modules some names are missing. A module that is missing as a whole is found by itself.
MODULES = ("os", "signal", "socket", "select", "time", "faulthandler", "mmap", "resource")


@cache
def lacking(mode: str) -> dict[str, list[str]]:
    """The names that each of MODULES lacks on that system, whatever the version of Python."""
    platform = SYSTEMS[mode]
    return {module: sorted(_names(module, "linux") - _names(module, platform)) for module in MODULES}


@cache
def missing(mode: str) -> list[str]:
    """The modules that the system lacks as a whole."""
    platform = SYSTEMS[mode]
    modules = {file.stem for file in STUBS.glob("[a-z]*.pyi")}
    return sorted(m for m in modules if _names(m, "linux") and not _names(m, platform))


def _names(module: str, platform: str) -> set[str]:
    file = STUBS / f"{module}.pyi"
    file = file if file.exists() else STUBS / module / "__init__.pyi"
    return {name for name in _bound(ast.parse(file.read_text("utf-8")).body, platform) if not name.startswith("_")}


def _bound(body: list[ast.stmt], platform: str) -> Iterator[str]:
    """The names that these statements of a stub bind on the platform."""
    for node in body:
        match node:
            case ast.If():
                holds = _holds(node.test, platform)
                yield from _bound(node.body, platform) if holds is not False else ()
                yield from _bound(node.orelse, platform) if holds is not True else ()
            case ast.FunctionDef() | ast.ClassDef():
                yield node.name
            case ast.Assign():
                yield from (target.id for target in node.targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name()):
                yield node.target.id
            case ast.ImportFrom() if node.module not in ("typing", "typing_extensions", "collections.abc"):
                yield from (alias.asname for alias in node.names if alias.asname)


def _holds(test: ast.expr, platform: str) -> bool | None:
    """Whether the condition of a stub holds. None if it asks for more than the platform, such as for a version."""
    match test:
        case ast.BoolOp(op, values):
            known = [_holds(value, platform) for value in values]
            decides = isinstance(op, ast.Or)
            return decides if decides in known else None if None in known else not decides
        case ast.UnaryOp(ast.Not(), operand):
            holds = _holds(operand, platform)
            return None if holds is None else not holds
        case ast.Compare(left, [op], [ast.Constant(value)]) if ast.unparse(left) == "sys.platform":
            return (platform == value) == isinstance(op, ast.Eq)
    return None
