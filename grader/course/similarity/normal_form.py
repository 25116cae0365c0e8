"""The normal form of a function: what it computes, as a graph of values, without how it was written down.

A function is executed on symbols. Each value is known by a digest of the operation and of the values that it was made
from, as in the value numbering of a compiler (Cocke 1969). So these change nothing: names, formatting, the order of
statements that do not depend on each other, temporary variables, helper functions, and the order of operands where an
operation commutes. A changed constant, operator or order of other operands changes the digest.

What happens to a list or tensor in place becomes a new value of its variable. Aliases are not followed: two functions
with one normal form are written alike, and may still differ in what they do to aliases.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from grader.course.similarity.spelling import LIBRARY

MOST_STEPS = 20_000  # values of one function
LONGEST_CHAIN = 64  # operands of one sum or product
DEEPEST_CALL = 6  # helper functions in helper functions
TWO_PASSES = 3  # loops in loops whose variables are put into an order
COMMUTATIVE = (ast.Add, ast.Mult, ast.BitOr, ast.BitAnd, ast.BitXor)
COMMUTATIVE_FUNCTIONS = {"maximum", "minimum", "logical_and", "logical_or", "logical_xor", "fmax", "fmin", "gcd", "lcm"}
COMMUTATIVE_BUILTINS = {"max", "min"}  # of several arguments
# Methods that change their object. torch's end in an underscore.
CHANGING = {"append", "extend", "insert", "pop", "remove", "clear", "sort", "reverse", "update", "add", "discard"} | {
    "setdefault",
    "popitem",
}

Digest = bytes


class TooMuch(Exception):
    """The function has more values than are followed, or is nested too deeply."""


class Function(NamedTuple):
    """A function that is called where it is known: a helper, a nested function or a lambda."""

    args: ast.arguments
    body: Sequence[ast.stmt]
    env: Env


Value = Digest | Function
Env = dict[str, Value]


def normal_form(name: str, functions: Mapping[str, ast.FunctionDef], constants: Mapping[str, ast.expr]) -> str:
    """The digest of what the function computes. The trees must be in the one spelling (`spelling`).

    `functions` are the functions of the text that may be called, `constants` its module's variables. Raises TooMuch.
    """
    for inline in (True, False):  # helpers that call each other in many ways: then their calls are only named
        try:
            return _Execution(functions, constants, inline).function(functions[name]).hex()
        except (_Steps, RecursionError):
            continue
    raise TooMuch


class _Steps(Exception):
    pass


@dataclass
class _State:
    """A function that is being executed: its variables, and what happens besides computing values."""

    env: Env
    effects: list[Digest] = field(default_factory=list)

    def branch(self) -> _State:
        return _State(dict(self.env))


@dataclass
class _Execution:
    functions: Mapping[str, ast.FunctionDef]
    constants: Mapping[str, ast.expr]
    inline: bool
    steps: int = 0
    depth: int = 0  # of loops, comprehensions and lambdas: the name of what they bind
    calls: list[int] = field(default_factory=list)  # the functions that are being called
    # The operands of sums and products. The sum a + (b + c) has a, b and c, also if b + c has a name.
    chains: dict[Digest, tuple[type[ast.operator], tuple[Digest, ...]]] = field(default_factory=dict)

    def node(self, label: str, *parts: Digest) -> Digest:
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise _Steps
        found = hashlib.blake2b(label.encode("utf-8", "surrogatepass") + b"\0", digest_size=12)
        for part in parts:
            found.update(part)
        return found.digest()

    # Functions

    def function(self, node: ast.FunctionDef) -> Digest:
        """What the function computes from its arguments."""
        self.calls.append(id(node.body))
        state = _State({})
        self._bind_symbols(node.args, state, "argument")
        return self._whole(self.run(node.body, state), state)

    def _whole(self, result: Digest | None, state: _State) -> Digest:
        return self.node("function", result or self.node("nothing"), *sorted(state.effects))

    def _bind_symbols(self, args: ast.arguments, state: _State, label: str) -> None:
        names = [*args.posonlyargs, *args.args]
        for i, arg in enumerate(names):
            state.env[arg.arg] = self.node(f"{label} {self.depth} {i}")
        for arg in args.kwonlyargs:  # their names are a part of the contract
            state.env[arg.arg] = self.node(f"{label} {self.depth} {arg.arg}")
        for kind, rest in (("*", args.vararg), ("**", args.kwarg)):
            if rest is not None:
                state.env[rest.arg] = self.node(f"{label} {self.depth} {kind}")

    def _as_value(self, value: Value) -> Digest:
        """A function that is passed on, by what it computes."""
        if not isinstance(value, Function):
            return value
        if id(value.body) in self.calls:
            return self.node(f"recursion {len(self.calls) - self.calls.index(id(value.body))}")
        state = _State(dict(value.env))
        self.depth += 1
        self.calls.append(id(value.body))
        self._bind_symbols(value.args, state, "bound")
        result = self._whole(self.run(value.body, state), state)
        self.calls.pop()
        self.depth -= 1
        return result

    def _called(self, function: Function, call: ast.Call, state: _State) -> Digest:
        args = [self.value(arg, state) for arg in call.args]
        keywords = {k.arg: self.value(k.value, state) for k in call.keywords}
        bound = self._bound(function, call, args, keywords) if self.inline else None
        if bound is None or id(function.body) in self.calls or len(self.calls) > DEEPEST_CALL:
            named = [self.node(f"keyword {name}", self._as_value(value)) for name, value in keywords.items()]
            return self.node("call", self._as_value(function), *map(self._as_value, args), *named)
        inner = _State({**function.env, **bound})
        self.calls.append(id(function.body))
        result = self.run(function.body, inner)
        self.calls.pop()
        state.effects += inner.effects
        return result or self.node("nothing")

    def _bound(
        self, function: Function, call: ast.Call, args: Sequence[Value], keywords: Mapping[str | None, Value]
    ) -> Env | None:
        """The arguments by name. None if they cannot be told from the text."""
        taken = function.args
        names = [arg.arg for arg in (*taken.posonlyargs, *taken.args)]
        spread = any(isinstance(arg, ast.Starred) for arg in call.args) or None in keywords
        if spread or taken.vararg or taken.kwarg or len(args) > len(names):
            return None
        env: Env = dict(zip(names, args, strict=False))
        env |= {name: value for name, value in keywords.items() if name is not None}
        defaults = list(zip(reversed(names), reversed(taken.defaults), strict=False))
        defaults += [(a.arg, d) for a, d in zip(taken.kwonlyargs, taken.kw_defaults, strict=True) if d is not None]
        for name, default in defaults:
            if name not in env:
                env[name] = self.value(default, _State(dict(function.env)))
        wanted = {*names, *(arg.arg for arg in taken.kwonlyargs)}
        return env if env.keys() == wanted else None

    # Statements

    def run(self, body: Sequence[ast.stmt], state: _State) -> Digest | None:
        """Execute statements. Returns the digest of the result, or None if nothing is returned at their end."""
        for i, statement in enumerate(body):
            if isinstance(statement, ast.Return):
                return self.digest(statement.value, state) if statement.value else self.node("nothing")
            if isinstance(statement, ast.If):
                if _ends(statement.body) or (statement.orelse and _ends(statement.orelse)):
                    return self._parting(statement, body[i + 1 :], state)
                self._if(statement, state)
            else:
                self._statement(statement, state)
        return None

    def _parting(self, statement: ast.If, rest: Sequence[ast.stmt], state: _State) -> Digest | None:
        """`if` of which one branch ends the function or loop: what follows belongs to the other branch."""
        condition = self.digest(statement.test, state)
        left, kept = state.branch(), state.branch()
        when = _ends(statement.body)
        if when:
            one = self.run(statement.body, left)
            two = self.run([*statement.orelse, *rest], kept)
        else:
            one = self.run(statement.orelse, left)
            two = self.run([*statement.body, *rest], kept)
        state.env = kept.env
        if one is None:  # after `break` or `continue` its variables are used
            self._merge(condition, *((left, kept) if when else (kept, left)), state)
        state.effects += self._guarded(condition, when, left.effects)
        # After a check that raises, what follows is what the function does.
        state.effects += kept.effects if one is None else self._guarded(condition, not when, kept.effects)
        if one is None or one == two:
            return two
        if two is None:  # what comes after the block around it may be reached
            state.effects += self._guarded(condition, when, [self.node("return", one)])
            return None
        return self.node("if", condition, *((one, two) if when else (two, one)))

    def _guarded(self, condition: Digest, when: bool, effects: Iterable[Digest]) -> list[Digest]:
        return [self.node(f"when {when}", condition, effect) for effect in effects]

    def _if(self, statement: ast.If, state: _State) -> None:
        condition = self.digest(statement.test, state)
        first, second = state.branch(), state.branch()
        for when, branch, body in ((True, first, statement.body), (False, second, statement.orelse)):
            self._nested(body, branch)
            state.effects += self._guarded(condition, when, branch.effects)
        self._merge(condition, first, second, state)

    def _merge(self, condition: Digest, first: _State, second: _State, state: _State) -> None:
        """After a condition: a variable has one of two values."""
        before, state.env = state.env, {}
        for name in [*first.env, *(name for name in second.env if name not in first.env)]:
            one, two = (branch.env.get(name, before.get(name)) for branch in (first, second))
            if one is None or two is None or one is two:
                found = one if one is not None else two
                assert found is not None
                state.env[name] = found
            else:
                state.env[name] = self._choice(condition, self._as_value(one), self._as_value(two))

    def _choice(self, condition: Digest, one: Digest, two: Digest) -> Digest:
        return one if one == two else self.node("if", condition, one, two)

    def _statement(self, statement: ast.stmt, state: _State) -> None:
        match statement:
            case ast.Assign(targets=targets, value=value):
                self._assign(targets, value, state)
            case ast.Expr(value=ast.Call() as call):
                self._call_for_effect(call, state)
            case ast.For() | ast.While():
                self._loop(statement, state)
            case ast.FunctionDef(name=name):
                state.env[name] = Function(statement.args, statement.body, state.env)
            case ast.With(items=items, body=body):
                for item in items:
                    entered = self.digest(item.context_expr, state)
                    state.effects.append(self.node("with", entered))
                    if item.optional_vars is not None:
                        self._bind(item.optional_vars, self.node("entered", entered), state)
                self._nested(body, state)
            case ast.Try():
                for part in (statement.body, statement.orelse, statement.finalbody):
                    self._nested(part, state)
                for handler in statement.handlers:
                    caught = [self.digest(handler.type, state)] if handler.type else []
                    state.effects.append(self.node("except", *caught))
                    self._nested(handler.body, state)
            case _:  # raise, assert, break, del, …
                parts = [self.digest(e, state) for e in ast.iter_child_nodes(statement) if isinstance(e, ast.expr)]
                state.effects.append(self.node(type(statement).__name__, *parts))

    def _nested(self, body: Sequence[ast.stmt], state: _State) -> None:
        """Statements from within which a `return` ends the function."""
        result = self.run(body, state)
        if result is not None:
            state.effects.append(self.node("return", result))

    def _assign(self, targets: Sequence[ast.expr], value: ast.expr, state: _State) -> None:
        for target in targets:
            if isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple | ast.List):
                pairs = list(zip(target.elts, value.elts, strict=False))
                if len(target.elts) == len(value.elts) and not any(
                    isinstance(e, ast.Starred) for p in pairs for e in p
                ):
                    values = [self.value(element, state) for element in value.elts]
                    for element, found in zip(target.elts, values, strict=True):
                        self._bind(element, found, state)
                    continue
            self._bind(target, self.value(value, state), state)

    def _bind(self, target: ast.expr, value: Value, state: _State) -> None:
        match target:
            case ast.Name(id=name):
                state.env[name] = value
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                for i, element in enumerate(elements):
                    star = isinstance(element, ast.Starred)
                    inner = element.value if isinstance(element, ast.Starred) else element
                    self._bind(inner, self.node(f"item {i} {star}", self._as_value(value)), state)
            case ast.Subscript() | ast.Attribute():
                place = self._place(target, state)
                root = _root(target)
                if root in state.env:
                    before = self._as_value(state.env[root])
                    state.env[root] = self.node("changed", before, place, self._as_value(value))
                else:
                    state.effects.append(self.node("set", place, self._as_value(value)))
            case _:
                state.effects.append(self.node("bind", self._as_value(value)))

    def _place(self, target: ast.expr, state: _State) -> Digest:
        if isinstance(target, ast.Subscript):
            return self.node("at", self.digest(target.value, state), self.digest(target.slice, state))
        assert isinstance(target, ast.Attribute)
        return self.node(f"attribute {target.attr}", self.digest(target.value, state))

    def _call_for_effect(self, call: ast.Call, state: _State) -> None:
        """A call whose result is not used. A method such as `append` gives its object a new value."""
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        changes = name.removeprefix(LIBRARY) in CHANGING or (name.startswith(LIBRARY) and name.endswith("_"))
        root = _root(call.args[0]) if changes and call.args else ""
        result = self.digest(call, state)
        if root in state.env:
            state.env[root] = self.node("changed", self._as_value(state.env[root]), result)
        else:
            state.effects.append(result)

    def _loop(self, loop: ast.For | ast.While, state: _State) -> None:
        inside = _assigned(loop)
        carried = [name for name in inside if name in state.env]
        before = {name: self._as_value(state.env[name]) for name in carried}
        head = self.digest(loop.iter, state) if isinstance(loop, ast.For) else self.node("while")
        self.depth += 1
        # A first pass, in which all variables of the loop are one, says in which order they are numbered.
        numbers = dict.fromkeys(carried, 0)
        if len(carried) > 1 and self.depth <= TWO_PASSES:
            after, _ = self._turn(loop, state, numbers)
            ranked = sorted(carried, key=lambda name: (before[name], self._as_value(after.env[name])))
            numbers = {name: i for i, name in enumerate(ranked)}
        elif len(carried) > 1:
            numbers = {name: i for i, name in enumerate(carried)}
        order = sorted(carried, key=numbers.__getitem__)
        after, condition = self._turn(loop, state, numbers)
        self.depth -= 1
        turns = [part for name in order for part in (before[name], self._as_value(after.env[name]))]
        kind = "for" if isinstance(loop, ast.For) else "while"
        whole = self.node(kind, head, condition, *turns, *sorted(after.effects))
        if after.effects or not carried:
            state.effects.append(whole)
        for name in inside:
            if name in numbers:
                state.env[name] = self.node(f"after {numbers[name]}", whole)
            elif name in after.env:
                state.env[name] = self.node("last", whole, self._as_value(after.env[name]))
        if loop.orelse:
            self._nested(loop.orelse, state)

    def _turn(self, loop: ast.For | ast.While, state: _State, numbers: Mapping[str, int]) -> tuple[_State, Digest]:
        """One turn of a loop, from symbols for the variables that it carries on. Also the digest of its condition."""
        inner = state.branch()
        inner.env |= {name: self.node(f"carried {self.depth} {number}") for name, number in numbers.items()}
        if isinstance(loop, ast.For):
            self._bind(loop.target, self.node(f"element {self.depth}"), inner)
            condition = self.node("each")
        else:
            condition = self.digest(loop.test, inner)
        self._nested(loop.body, inner)
        return inner, condition

    # Expressions

    def digest(self, node: ast.expr, state: _State) -> Digest:
        return self._as_value(self.value(node, state))

    def value(self, node: ast.expr, state: _State) -> Value:
        match node:
            case ast.Constant(value=value):
                shown = (
                    hex(value) if isinstance(value, int) else repr(value)
                )  # repr refuses ints of thousands of digits
                return self.node(f"constant {type(value).__name__} {shown}")
            case ast.Name(id=name):
                return self._name(name, state)
            case ast.BinOp(left=left, op=op, right=right):
                return self._operation(left, op, right, state)
            case ast.BoolOp(op=op, values=values):
                return self.node(type(op).__name__, *sorted(self.digest(v, state) for v in values))
            case ast.UnaryOp(op=op, operand=operand):
                return self.node(type(op).__name__, self.digest(operand, state))
            case ast.Compare(left=left, ops=ops, comparators=rights):
                parts = [self.digest(part, state) for part in (left, *rights)]
                if len(ops) == 1 and isinstance(ops[0], ast.Eq | ast.NotEq):
                    parts.sort()
                return self.node(" ".join(type(op).__name__ for op in ops), *parts)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self._choice(*(self.digest(part, state) for part in (test, body, orelse)))
            case ast.Call():
                return self._call(node, state)
            case ast.Lambda(args=args, body=body):
                return Function(args, [ast.Return(body)], state.env)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                return self._comprehension(node, state)
            case ast.NamedExpr(target=target, value=value):
                found = self.value(value, state)
                self._bind(target, found, state)
                return found
            case ast.Subscript(value=value, slice=place):
                return self.node("at", self.digest(value, state), self.digest(place, state))
            case ast.Attribute(value=value, attr=name):
                return self.node(f"attribute {name}", self.digest(value, state))
            case _:
                parts = [self.digest(e, state) for e in _expressions(node)]
                return self.node(type(node).__name__, *parts)

    def _name(self, name: str, state: _State) -> Value:
        if name in state.env:
            return state.env[name]
        if name in self.functions:
            function = self.functions[name]
            return Function(function.args, function.body, {})
        if name in self.constants and len(self.calls) <= DEEPEST_CALL:
            self.calls.append(id(self.constants[name]))
            found = self.value(self.constants[name], _State({}))
            self.calls.pop()
            return found
        return self.node(f"name {name}")

    def _operation(self, left: ast.expr, op: ast.operator, right: ast.expr, state: _State) -> Digest:
        if not isinstance(op, COMMUTATIVE) or _is_sequence(left) or _is_sequence(right):
            return self.node(type(op).__name__, self.digest(left, state), self.digest(right, state))
        operands: list[Digest] = []
        for side in (left, right):
            found = self.digest(side, state)
            chained = self.chains.get(found, (type(op), (found,)))
            operands += chained[1] if chained[0] is type(op) else (found,)
        if len(operands) > LONGEST_CHAIN:
            operands = [self.digest(left, state), self.digest(right, state)]
        whole = self.node(f"{type(op).__name__} of {len(operands)}", *sorted(operands))
        self.chains[whole] = type(op), tuple(operands)
        return whole

    def _call(self, call: ast.Call, state: _State) -> Digest:
        func = call.func
        if not (isinstance(func, ast.Name) and func.id.startswith(LIBRARY)):
            function = self.value(func, state)
            if isinstance(function, Function):
                return self._called(function, call, state)
            label, parts = "call", [function]
        else:
            label, parts = f"call {func.id}", []
        args = [self.digest(arg, state) for arg in call.args]
        plain = func.id.removeprefix(LIBRARY) if isinstance(func, ast.Name) else ""
        builtin = isinstance(func, ast.Name) and func.id in COMMUTATIVE_BUILTINS and len(args) > 1
        if builtin or (plain in COMMUTATIVE_FUNCTIONS and len(args) == 2):
            args.sort()
        keywords = [self.node(f"keyword {k.arg}", self.digest(k.value, state)) for k in call.keywords]
        return self.node(f"{label} {len(args)}", *parts, *args, *keywords)

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, state: _State
    ) -> Digest:
        inner, parts = state.branch(), []
        for generator in node.generators:
            iterated = self.digest(generator.iter, inner)
            self.depth += 1
            self._bind(generator.target, self.node(f"element {self.depth}"), inner)
            filters = sorted(self.digest(test, inner) for test in generator.ifs)
            parts.append(self.node("in", iterated, *filters))
        elements = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        parts += [self.digest(element, inner) for element in elements]
        self.depth -= len(node.generators)
        return self.node(type(node).__name__, *parts)


def _expressions(node: ast.AST) -> Iterator[ast.expr]:
    """The nearest expressions below a node."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            yield child
        else:
            yield from _expressions(child)


def _is_sequence(node: ast.expr) -> bool:
    """Whether a list, a tuple or a text is added, so that the order matters."""
    if isinstance(node, ast.BinOp):
        return _is_sequence(node.left) or _is_sequence(node.right)
    return isinstance(node, ast.List | ast.Tuple | ast.ListComp | ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
    )


def _root(node: ast.expr) -> str:
    """The variable of which a place is a part: `x` of x.y[0]. Empty if there is none."""
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _ends(body: Sequence[ast.stmt]) -> bool:
    """Whether nothing after these statements is reached from them."""
    last = body[-1] if body else None
    if isinstance(last, ast.If):
        return _ends(last.body) and _ends(last.orelse)
    return isinstance(last, ast.Return | ast.Raise | ast.Break | ast.Continue)


def _assigned(loop: ast.For | ast.While) -> list[str]:
    """The variables that a turn of a loop may give a new value, each once, in the order of the text."""
    found: dict[str, None] = {}
    waiting: list[ast.AST] = [loop]
    nodes: list[ast.AST] = []
    while waiting:
        node = waiting.pop(0)
        nodes.append(node)
        if not isinstance(node, ast.Lambda | ast.FunctionDef):
            waiting[:0] = list(ast.iter_child_nodes(node))
    for node in nodes:
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                found.setdefault(name)
            case ast.Assign(targets=targets):
                for target in targets:
                    if isinstance(target, ast.Subscript | ast.Attribute):
                        found.setdefault(_root(target))
            case ast.Expr(value=ast.Call(func=ast.Name(id=name), args=[first, *_])):
                if name.removeprefix(LIBRARY) in CHANGING or (name.startswith(LIBRARY) and name.endswith("_")):
                    found.setdefault(_root(first))
            case _:
                pass
    found.pop("", None)
    return list(found)


def used(name: str, functions: Mapping[str, ast.FunctionDef], leave: Collection[str] = ()) -> list[str]:
    """The function and all functions of the text that it calls, in the order in which they are met.

    Those in `leave` are left out.
    """
    order = [name]
    for caller in order:  # grows
        for node in ast.walk(functions[caller]):
            if isinstance(node, ast.Name) and node.id in functions and node.id not in (*order, *leave):
                order.append(node.id)
    return order
