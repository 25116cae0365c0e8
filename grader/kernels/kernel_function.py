"""A kernel koan as a function: the oracle's launcher with the kernels of a text."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from grader.book.errors import KoansError
from grader.kernels.kernel_text import KernelText, read
from reference import Oracle, Variant

if TYPE_CHECKING:
    from grader.kernels.compile import Compiled
    from grader.kernels.interpreter.count import Traffic


def launched(oracle: Oracle[..., Any], text: str, file: str, variant: Variant | None = None) -> Launched:
    """The oracle's launcher with the kernels of the text. The kernel of `variant`, if given, replaces one of them.

    Raises SyntaxError if the text is not a kernel file, and KoansError if the oracle has no launcher.
    """
    if oracle.launch is None:
        raise KoansError(f"reference: {oracle.__name__} is a kernel koan's oracle and has no @launcher")
    fn = Launched(oracle, read(text, file))
    return fn.with_variant(variant) if variant else fn


def _replaced(text: KernelText, variant: Variant) -> str:
    """The name of the kernel that a variant replaces."""
    return variant.replaces or next(iter(text.functions))


class Config(dict[str, Any]):
    """CONFIG for the launcher. The error for a missing key names CONFIG."""

    def __missing__(self, key: str) -> Any:
        raise KeyError(f"CONFIG has no {key!r}")


class Launched:
    """The function of a kernel koan: a launcher and the learner's kernels."""

    def __init__(self, oracle: Oracle[..., Any], text: KernelText, variants: Sequence[Variant] = ()) -> None:
        from grader.kernels.interpreter import run  # imports torch

        self.oracle, self.text = oracle, text
        self.__name__ = oracle.__name__
        self.config = dict(text.config)
        self.kernels = run.load(text)
        self.texts = dict.fromkeys(text.functions, text)  # the text that contains each kernel
        self.traffic: Traffic | None = None  # of the last call
        self._variants: dict[tuple[str, ...], Launched] = {}
        self.variant = variants[0].name if variants else ""
        if variants:
            self.config |= variants[0].config
        for variant in variants:
            name = _replaced(text, variant)
            constants = "".join(f"{ast.unparse(node)}\n" for node in text.constants)
            helpers = "".join(run.kernel_text(node) for other, node in text.functions.items() if other != name)
            source = constants + run.kernel_source(variant.fn, name) + helpers + "CONFIG = {}\n"
            replacement = read(source, f"<{variant.name}>")
            setattr(self.kernels, name, getattr(run.load(replacement), name))
            self.texts[name] = replacement
        self.config = Config(self.config)

    def __call__(self, *inputs: Any, **kwargs: Any) -> Any:
        from grader.kernels.interpreter.count import Traffic  # imports torch

        assert self.oracle.launch is not None
        self.traffic = Traffic(self.config)
        kernels = {name: replace(kernel, traffic=self.traffic) for name, kernel in vars(self.kernels).items()}
        return self.oracle.launch(SimpleNamespace(**kernels), self.config, *inputs, **kwargs)

    def compiled(self, arch: str, *inputs: Any) -> list[Compiled]:
        """Compile each kernel that a call with these inputs would launch, for `arch` ("sm_90"). Nothing runs."""
        from grader.kernels.compile import compile_for, launches  # imports torch

        assert self.oracle.launch is not None
        planned = launches(self.texts, self.oracle.launch, self.config, inputs)
        return [compile_for(arch, self.texts[launch.kernel], launch) for launch in planned]

    def with_variant(self, variant: Variant, *others: Variant) -> Launched:
        """The same function with one kernel replaced by the variant's, and more kernels by the kernels of `others`."""
        key = tuple(v.name for v in (variant, *others))
        if key not in self._variants:
            self._variants[key] = Launched(self.oracle, self.text, (variant, *others))
        return self._variants[key]

    def among_right_kernels(self, variant: Variant) -> Launched:
        """The variant's kernel beside right kernels: none of the learner's that `@right` has another answer for."""
        own = _replaced(self.text, variant)
        rights = {_replaced(self.text, right): right for right in self.oracle.rights.values()}
        return self.with_variant(variant, *[right for name, right in rights.items() if name != own])
