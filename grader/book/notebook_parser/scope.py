"""What the code of a cell does at the top level of its module: which names it binds, changes and uses.

The body of a function runs only when the function is called, so it is no part of this.
"""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterable, Iterator, Sequence

COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
COMPREHENSION_TABLES = frozenset({"listcomp", "setcomp", "dictcomp", "genexpr"})
# Methods that change a list, a dict, a set or, with a name that ends in "_", a tensor.
MUTATORS = frozenset(
    {
        "append",
        "extend",
        "insert",
        "add",
        "update",
        "setdefault",
        "pop",
        "remove",
        "discard",
        "clear",
        "sort",
        "reverse",
    }
)
# Functions whose result depends on files, devices, the network or the keyboard; `read_` starts the name of more.
OUTSIDE = frozenset(
    """open input getpass load load_file loadtxt genfromtxt fromfile memmap imread urlopen urlretrieve load_dataset
    from_pretrained listdir scandir iterdir rglob check_output getenv system Popen""".split()  # noqa: SIM905
)
OUTSIDE_MODULES = frozenset({"requests", "httpx", "subprocess", "urllib"})
# Functions that give a function.
WRAPPERS = frozenset({"partial", "compile", "jit", "cache", "lru_cache", "vmap", "script", "trace", "singledispatch"})


def nodes(statement: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when the statement runs. Targets of comprehensions and bodies of classes are left out."""
    stack: list[ast.AST] = [statement]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            stack += [*node.decorator_list, *_evaluated(node.args), *([node.returns] if node.returns else [])]
        elif isinstance(node, ast.Lambda):
            stack += [*node.args.defaults, *filter(None, node.args.kw_defaults)]
        elif isinstance(node, ast.ClassDef):
            stack += [*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)]
        elif isinstance(node, COMPREHENSIONS):
            stack.append(node.generators[0].iter)
            for inner in ast.walk(node):
                if isinstance(inner, (ast.Call, ast.Await)):
                    yield inner
                elif isinstance(inner, ast.NamedExpr):
                    yield inner.target
        else:
            stack += ast.iter_child_nodes(node)


def _evaluated(args: ast.arguments) -> list[ast.AST]:
    """The defaults and annotations of a function's parameters."""
    return [*args.defaults, *filter(None, args.kw_defaults), *_annotations(args)]


def _annotations(args: ast.arguments) -> list[ast.AST]:
    every = [*args.posonlyargs, *args.args, *args.kwonlyargs, *filter(None, (args.vararg, args.kwarg))]
    return [arg.annotation for arg in every if arg.annotation is not None]


def annotating(here: Iterable[ast.AST]) -> set[str]:
    """The names that the annotations of functions and variables use."""
    annotations: list[ast.AST] = []
    for node in here:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            annotations += [*_annotations(node.args), *filter(None, [node.returns])]
        elif isinstance(node, ast.AnnAssign):
            annotations.append(node.annotation)
    return {name for annotation in annotations for name in loaded(nodes(annotation))}


def bound(here: Iterable[ast.AST]) -> Iterator[str]:
    """The names that these nodes bind."""
    for node in here:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.alias) and node.name != "*":
            yield (node.asname or node.name).partition(".")[0]
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
            yield node.name
        elif isinstance(node, ast.MatchMapping) and node.rest:
            yield node.rest


def surely_bound(body: Sequence[ast.stmt]) -> set[str]:
    """The names that these statements bind in every case, if they raise nothing."""
    names: set[str] = set()
    for node in body:
        if isinstance(node, ast.If):
            names |= surely_bound(node.body) & surely_bound(node.orelse)
        elif isinstance(node, ast.Try):
            tries = [surely_bound([*node.body, *node.orelse]), *(surely_bound(h.body) for h in node.handlers)]
            names |= set.intersection(*tries) | surely_bound(node.finalbody)
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            items = [n for item in node.items if item.optional_vars for n in nodes(item.optional_vars)]
            names |= {*bound(items), *surely_bound(node.body)}
        elif isinstance(node, ast.AnnAssign):
            names |= set(bound(nodes(node.target))) if node.value is not None else set()
        elif isinstance(node, ast.Expr):
            names |= {node.value.target.id} if isinstance(node.value, ast.NamedExpr) else set()
        elif not isinstance(node, (ast.For, ast.AsyncFor, ast.While, ast.Match, ast.AugAssign, ast.Delete, ast.Assert)):
            names |= set(bound(nodes(node)))
    return names


def changed(here: Iterable[ast.AST]) -> Iterator[str]:
    """The names whose value these nodes change in place: `x[0] = 1`, `x.y = 1`, `x.append(1)`, `x.zero_()`."""
    for node in here:
        if isinstance(node, (ast.Attribute, ast.Subscript)) and not isinstance(node.ctx, ast.Load):
            yield from _root(node)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            method = node.func.attr
            if method in MUTATORS or (method.endswith("_") and not method.startswith("_")):
                yield from _root(node.func)


def _root(node: ast.expr) -> Iterator[str]:
    """The name at the start of `x.y[0].z`, if there is one."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id


def defined(here: Iterable[ast.AST]) -> Iterator[str]:
    """The names that these nodes bind to a function or a class."""
    for node in here:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Assign) and _gives_function(node.value):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _gives_function(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        return _dotted(value.func).rpartition(".")[2] in WRAPPERS or _gives_function(value.func)
    return isinstance(value, ast.Lambda)


def rebound(here: Iterable[ast.AST]) -> Iterator[str]:
    """The names that these nodes bind to the result of a call with that name among its arguments."""
    for node in here:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            arguments = [*node.value.args, *(keyword.value for keyword in node.value.keywords)]
            given = {name for argument in arguments for name in loaded(nodes(argument))}
            yield from (t.id for t in node.targets if isinstance(t, ast.Name) and t.id in given)


def copied(here: Iterable[ast.AST]) -> Iterator[tuple[str, str]]:
    """The names that these nodes bind to another name or its attribute, each with that other name."""
    for node in here:
        if isinstance(node, ast.Assign) and isinstance(node.value, (ast.Name, ast.Attribute)):
            for root in _root(node.value):
                yield from ((target.id, root) for target in node.targets if isinstance(target, ast.Name))


def loaded(here: Iterable[ast.AST]) -> set[str]:
    """The names whose value these nodes use."""
    names: set[str] = set()
    for node in here:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


def globals_of(table: symtable.SymbolTable, *, called: bool) -> Iterator[str]:
    """The globals that inner scopes use, in functions that are `called` or in code that runs with the statement."""
    for child in table.get_children():
        runs = child.get_type() != "function" or child.get_name() in COMPREHENSION_TABLES
        if called != runs:
            yield from (symbol.get_name() for symbol in child.get_symbols() if _is_global(symbol))
        if called or runs:
            yield from globals_of(child, called=called) if runs else _all_globals(child)


def _is_global(symbol: symtable.Symbol) -> bool:
    """Whether a symbol of a function is a global that it uses.

    CPython 3.11 takes all names of a function called `top` for globals, so what the function binds is none here.
    """
    if symbol.is_declared_global():
        return True
    binds = symbol.is_assigned() or symbol.is_parameter() or symbol.is_imported()
    return symbol.is_global() and symbol.is_referenced() and not binds


def _all_globals(table: symtable.SymbolTable) -> Iterator[str]:
    """The globals that the scopes within a function use."""
    for child in table.get_children():
        yield from (symbol.get_name() for symbol in child.get_symbols() if _is_global(symbol))
        yield from _all_globals(child)


def globals_set(table: symtable.SymbolTable) -> Iterator[str]:
    """The globals that inner scopes set when they run."""
    for child in table.get_children():
        yield from (s.get_name() for s in child.get_symbols() if s.is_declared_global() and s.is_assigned())
        yield from globals_set(child)


def outside_calls(here: Iterable[ast.AST]) -> Iterator[str]:
    """The functions that these nodes call to read what is not in the notebook, as `torch.load`."""
    for node in here:
        if isinstance(node, ast.Call):
            name = _dotted(node.func)
            last = name.rpartition(".")[2]
            if last in OUTSIDE or last.startswith("read_") or name.partition(".")[0] in OUTSIDE_MODULES:
                yield name.lstrip(".")


def _dotted(node: ast.expr) -> str:
    """`a.b.c` as text; what stands before the last attributes and is no name is left out."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([*([node.id] if isinstance(node, ast.Name) else [""] if parts else []), *reversed(parts)])


def main_guard(node: ast.AST) -> bool:
    """Whether the node is `if __name__ == "__main__":`, which holds in a notebook and not in a file of a koan."""
    return isinstance(node, ast.If) and "__name__" in loaded(nodes(node.test))


def awaits(node: ast.AST) -> bool:
    """Whether the node waits for a task, which a module cannot do while it is imported."""
    return isinstance(node, (ast.Await, ast.AsyncFor, ast.AsyncWith))
