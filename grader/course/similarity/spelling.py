"""One spelling for what Python and torch can spell in several ways: `torch.exp(x)`, `exp(x)` and `x.exp()`.

The result is a syntax tree for comparisons only. A function of a library is a name that begins with `@`, which no
program can define, and its first argument is the object of the method: `x.sum(-1)` becomes `@sum(x, -1)`.
"""

from __future__ import annotations

import ast
from collections.abc import Container, Mapping

LIBRARY = "@"
# Modules whose functions are known by their name alone: torch.exp, math.exp and the method exp are one function.
MODULES = (
    *("torch.nn.functional", "torch.special", "torch.linalg", "torch.Tensor", "torch", "math", "numpy"),
    *("triton.language", "operator", "functools", "itertools", "collections", "builtins"),
)
KOANS = ("reference.", "exercises.", "solutions.")
SYNONYMS: Mapping[str, str] = {
    "swapaxes": "transpose",
    "swapdims": "transpose",
    "moveaxis": "movedim",
    "absolute": "abs",
    "multiply": "mul",
    "divide": "div",
    "true_divide": "div",
    "subtract": "sub",
    "mm": "matmul",
    "bmm": "matmul",
    "concat": "cat",
    "concatenate": "cat",
    "clip": "clamp",
    "negative": "neg",
    "view_as": "reshape_as",
    "float": "float32",
    "half": "float16",
    "double": "float64",
    "long": "int64",
    "int": "int32",
}
CASTS = {"float": "float32", "double": "float64", "half": "float16", "bfloat16": "bfloat16", "long": "int64"} | {
    "int": "int32",
    "bool": "bool",
}
OPERATORS: Mapping[str, type[ast.operator]] = {
    "add": ast.Add,
    "sub": ast.Sub,
    "mul": ast.Mult,
    "div": ast.Div,
    "matmul": ast.MatMult,
    "pow": ast.Pow,
    "floor_divide": ast.FloorDiv,
    "remainder": ast.Mod,
}
# Along an axis, with a second argument `dim` and a third `keepdim`.
REDUCTIONS = ("sum", "mean", "amax", "amin", "max", "min", "prod", "logsumexp", "all", "any", "argmax", "argmin")


def spelled(tree: ast.Module, known: Container[str] = ()) -> ast.Module:
    """The tree in the one spelling, without docstrings, annotations, decorators and messages of errors.

    It changes `tree`. `known` are names of functions whose attribute `fn` is the function itself, as oracles have.
    Raises RecursionError for a tree that is nested too deeply.
    """
    spelling = _Spelling(_imports(tree), known)
    result = spelling.visit(tree)
    assert isinstance(result, ast.Module)
    return result


def _imports(tree: ast.Module) -> dict[str, str]:
    """What imported names stand for, also where a function imports them: `F` is `torch.nn.functional`."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                found[alias.asname or alias.name] = f"{node.module or '.'}.{alias.name}"
    return found


def _library(name: str) -> ast.Name:
    return ast.Name(LIBRARY + name, ast.Load())


class _Spelling(ast.NodeTransformer):
    def __init__(self, imports: Mapping[str, str], known: Container[str]) -> None:
        self.imports, self.known = imports, known

    def visit(self, node: ast.AST) -> ast.AST | list[ast.stmt] | None:
        """The new node, at the place of the old one."""
        new: ast.AST | list[ast.stmt] | None = super().visit(node)
        if isinstance(new, ast.expr | ast.stmt) and isinstance(node, ast.expr | ast.stmt):
            new.lineno = getattr(node, "lineno", 1)
            new.end_lineno = getattr(node, "end_lineno", 1)
        return new

    # Statements

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.decorator_list, node.returns = [], None
        self.generic_visit(node)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        if isinstance(node.value, ast.Constant):
            return None
        self.generic_visit(node)
        return node

    def visit_Pass(self, node: ast.Pass) -> None:
        return None

    def visit_Import(self, node: ast.Import) -> None:
        return None

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        return None

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if node.value is None:
            return None
        return self._at(node, ast.Assign([node.target], node.value))

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        value = ast.BinOp(_loaded(node.target), node.op, node.value)
        return self._at(node, ast.Assign([node.target], value))

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        error = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        return ast.Raise(None if error is None else self._expr(error), None)

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        return ast.Assert(self._expr(node.test), None)

    # Expressions

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, float) and node.value.is_integer() and abs(node.value) < 2**53:
            return ast.Constant(int(node.value))
        return ast.Constant(node.value)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        path = self.imports.get(node.id)
        return ast.Name(node.id, node.ctx) if path is None else _named(path)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        path = self._path(node)
        if path:
            return _named(path)
        if node.attr == "fn" and isinstance(node.value, ast.Name) and node.value.id in self.known:
            return ast.Name(node.value.id, ast.Load())
        value = self._expr(node.value)
        if node.attr == "mT":
            return _call("transpose", [value, ast.Constant(-2), ast.Constant(-1)], {}, True)
        if node.attr == "ndim":
            return ast.Call(_library("dim"), [value], [])
        return ast.Attribute(value, node.attr, node.ctx)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        operand = self._expr(node.operand)
        if isinstance(node.op, ast.USub):
            return _negative(operand)
        return ast.UnaryOp(node.op, operand)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        return _operation(self._expr(node.left), node.op, self._expr(node.right))

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        left, rights = self._expr(node.left), [self._expr(right) for right in node.comparators]
        if len(rights) == 1 and isinstance(node.ops[0], ast.Gt | ast.GtE):
            op = ast.Lt() if isinstance(node.ops[0], ast.Gt) else ast.LtE()
            return ast.Compare(rights[0], [op], [left])
        return ast.Compare(left, node.ops, rights)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        method = isinstance(node.func, ast.Attribute) and not self._path(node.func)
        if method and isinstance(node.func, ast.Attribute) and not self._is_known(node.func):
            name, first = node.func.attr, [self._expr(node.func.value)]
        else:
            func = self._expr(node.func)
            if not (isinstance(func, ast.Name) and func.id.startswith(LIBRARY)):
                return self._own_call(node, func)
            name, first = func.id.removeprefix(LIBRARY), []
        args = [*first, *(self._expr(arg) for arg in node.args)]
        keywords = {keyword.arg: self._expr(keyword.value) for keyword in node.keywords if keyword.arg}
        spread = [ast.keyword(None, self._expr(keyword.value)) for keyword in node.keywords if not keyword.arg]
        call = _call(name, args, keywords, method)
        if isinstance(call, ast.Call):
            call.keywords += spread
        return call

    def _own_call(self, node: ast.Call, func: ast.expr) -> ast.AST:
        """A call of a function of the text, or of a builtin."""
        args = [self._expr(arg) for arg in node.args]
        if isinstance(func, ast.Name) and func.id == "float" and len(args) == 1 and isinstance(args[0], ast.Constant):
            word = str(args[0].value).strip().lower()
            if word in ("inf", "+inf", "infinity", "-inf", "-infinity", "nan"):
                found = _library(word.strip("+-")[:3])
                return _negative(found) if word.startswith("-") else found
        keywords = sorted(node.keywords, key=lambda keyword: keyword.arg or "")
        return ast.Call(func, args, [ast.keyword(k.arg, self._expr(k.value)) for k in keywords])

    def _is_known(self, func: ast.Attribute) -> bool:
        return func.attr == "fn" and isinstance(func.value, ast.Name) and func.value.id in self.known

    def _path(self, node: ast.expr) -> str:
        """The dotted path of an imported thing, `torch.exp`. Empty if it is none."""
        names: list[str] = []
        while isinstance(node, ast.Attribute):
            names.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in self.imports:
            return ""
        path = ".".join([self.imports[node.id], *reversed(names)])
        # torch.inf.foo() is a method of a value; torch.nn.functional.relu is a path
        return path if not names or path.split(".")[0] in _ROOTS else ""

    def _expr(self, node: ast.expr) -> ast.expr:
        new = self.visit(node)
        assert isinstance(new, ast.expr)
        return new

    def _at(self, old: ast.stmt, new: ast.stmt) -> ast.AST:
        new.lineno, new.end_lineno = old.lineno, old.end_lineno
        self.generic_visit(new)
        return new


_ROOTS = {module.partition(".")[0] for module in MODULES} | {koan.strip(".") for koan in KOANS}


def _named(path: str) -> ast.Name:
    for module in MODULES:
        if path.startswith(f"{module}."):
            name = path.removeprefix(f"{module}.")
            return _library(SYNONYMS.get(name, name))
    if path.startswith(KOANS):
        return _library(f"koan.{path.rpartition('.')[2]}")
    return _library(path)


def _loaded(target: ast.expr) -> ast.expr:
    """What is stored to, as an expression that is read."""
    if isinstance(target, ast.Name):
        return ast.Name(target.id, ast.Load())
    if isinstance(target, ast.Subscript):
        return ast.Subscript(target.value, target.slice, ast.Load())
    assert isinstance(target, ast.Attribute)
    return ast.Attribute(target.value, target.attr, ast.Load())


def _negative(operand: ast.expr) -> ast.expr:
    if isinstance(operand, ast.Constant) and type(operand.value) in (int, float):
        assert isinstance(operand.value, int | float)
        return ast.Constant(-operand.value)
    return ast.UnaryOp(ast.USub(), operand)


def _operation(left: ast.expr, op: ast.operator, right: ast.expr) -> ast.expr:
    if isinstance(op, ast.Pow) and isinstance(right, ast.Constant) and right.value in (0.5, -0.5):
        return ast.Call(_library("sqrt" if right.value == 0.5 else "rsqrt"), [left], [])
    return ast.BinOp(left, op, right)


def _call(name: str, args: list[ast.expr], keywords: dict[str, ast.expr], method: bool) -> ast.expr:
    """The call of a function of a library. The object of a method is the first of `args`."""
    if name == "koan.lowp" and len(args) == 1:  # marks a rounding in an oracle, and returns its argument
        return args[0]
    if method and name in CASTS and len(args) == 1 and not keywords:
        return ast.Call(_library("to"), [args[0], _library(CASTS[name])], [])
    if name in ("type", "to", "astype"):
        name, args = "to", [*args, *([keywords.pop("dtype")] if "dtype" in keywords and len(args) == 1 else [])]
    name = SYNONYMS.get(name, name)
    if name in OPERATORS and len(args) == 2 and not keywords:
        return _operation(args[0], OPERATORS[name](), args[1])
    if name == "neg" and len(args) == 1:
        return _negative(args[0])
    if name == "square" and len(args) == 1:
        return ast.BinOp(args[0], ast.Pow(), ast.Constant(2))
    if name == "size" and not keywords and 1 <= len(args) <= 2:
        shape = ast.Attribute(args[0], "shape", ast.Load())
        return ast.Subscript(shape, args[1], ast.Load()) if len(args) == 2 else shape
    if name == "transpose" and len(args) == 3:
        args = [args[0], *sorted(args[1:], key=ast.dump)]
    for axis in ("dim", "axis"):
        if axis in keywords and len(args) == 1:
            args = [*args, keywords.pop(axis)]
    if "keepdims" in keywords:
        keywords["keepdim"] = keywords.pop("keepdims")
    if name in REDUCTIONS and len(args) == 3 and not keywords:
        keywords["keepdim"] = args.pop()
    return ast.Call(_library(name), args, [ast.keyword(key, keywords[key]) for key in sorted(keywords)])
