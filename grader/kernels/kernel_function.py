"""A kernel koan as a function: the oracle's launcher with the kernels of a text."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace
from functools import cached_property
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from grader.book.errors import KoansError
from grader.kernels import config
from grader.kernels.kernel_source import function_text, kernel_source
from grader.kernels.kernel_text import KernelText, kernel_lines, read
from grader.kernels.reached import only_reached
from reference import Oracle, Variant

if TYPE_CHECKING:
    from grader.kernels.compile import Compiled
    from grader.kernels.tiles.accesses import Access
    from grader.kernels.tiles.counts import Traffic


def launched(oracle: Oracle[..., Any], text: str, file: str, variant: Variant | None = None) -> Launched:
    """The oracle's launcher with the kernels of the text. The kernel of `variant`, if given, replaces one of them.

    Raises SyntaxError if the text is not a kernel file or its CONFIG cannot work, and KoansError if the oracle has no
    launcher.
    """
    if oracle.launch is None:
        raise KoansError(f"reference: {oracle.__name__} is a kernel koan's oracle and has no @launcher")
    kernels = read(text, file)
    config.check(kernels, oracle.launch)
    fn = Launched(oracle, kernels)
    return fn.with_variant(variant) if variant else fn


def _replaced(text: KernelText, variant: Variant) -> str:
    """The name of the kernel that a variant replaces."""
    return variant.replaces or next(iter(text.functions))


CONFIG = "CONFIG"  # the keyword argument of a call that holds changes to CONFIG
Reached = dict[str, set[int]]  # the parts that a call reached, by the key of their text


class Config(dict[str, Any]):
    """CONFIG for the launcher. The error for a missing key names CONFIG."""

    def __missing__(self, key: str) -> Any:
        raise KeyError(f"CONFIG has no {key!r}")


class Launched:
    """The function of a kernel koan: a launcher and the learner's kernels."""

    def __init__(self, oracle: Oracle[..., Any], text: KernelText, variants: Sequence[Variant] = ()) -> None:
        from grader.kernels.tiles.launch import load

        self.oracle, self.text = oracle, text
        self.__name__ = oracle.__name__
        self.config = dict(text.config)
        self.kernels = load(text)
        self.texts = dict.fromkeys(text.functions, text)  # the text that contains each kernel
        self.traffic: Traffic | None = None  # of the last call
        self._variants: dict[tuple[str, ...], Launched] = {}
        self.variant = variants[0].name if variants else ""
        if variants:
            self.config |= variants[0].config
        for variant in variants:
            name = _replaced(text, variant)
            constants = "".join(f"{ast.unparse(node)}\n" for node in text.constants)
            helpers = "".join(function_text(node) for other, node in text.functions.items() if other != name)
            source = constants + kernel_source(variant.fn, name) + helpers + "CONFIG = {}\n"
            replacement = read(source, f"<{variant.name}>", checked=True)
            setattr(self.kernels, name, getattr(load(replacement), name))
            self.texts[name] = replacement
        self.config = Config(self.config)

    @property
    def choices(self) -> list[dict[str, Any]]:
        """The changes to CONFIG in TUNE, each once, without the options that change no result."""
        choices = [{k: v for k, v in choice.items() if k not in config.OPTIONS} for choice in self.text.choices]
        return [choice for i, choice in enumerate(choices) if choice and choice not in choices[:i]]

    def __call__(self, *inputs: Any, **kwargs: Any) -> Any:
        """Launch the kernels. The keyword argument CONFIG, if given, holds changes to CONFIG for this call."""
        from grader.kernels.tiles.counts import Traffic  # imports torch

        assert self.oracle.launch is not None
        chosen = Config(self.config | kwargs.pop(CONFIG, {}))
        self.traffic = Traffic(chosen)
        kernels = {name: kernel.with_traffic(self.traffic) for name, kernel in vars(self.kernels).items()}
        return self.oracle.launch(SimpleNamespace(**kernels), chosen, *inputs, **kwargs)

    def watched(self, reached: Reached) -> Callable[..., Any]:
        """The same function. A call adds the parts of the kernels that it reaches to `reached`."""
        from grader.kernels.tiles.launch import load  # imports torch

        return self._calling(lambda text: load(text, reached=reached.setdefault(text.key, set())))

    def traced(self, accesses: list[Access], budget: int) -> Callable[..., Any]:
        """The same function. A call adds its accesses to memory to `accesses`, also those before an error.

        `budget` is what a launch may cost (`grader.kernels.tiles.launch.load`), which also bounds what is kept.
        """
        from grader.kernels.tiles.launch import load  # imports torch

        return self._calling(lambda text: load(text, accesses=accesses, budget=budget))

    def _calling(self, load: Callable[[KernelText], SimpleNamespace]) -> Callable[..., Any]:
        """The same function with kernels that are loaded in another way."""
        loaded = {key: load(text) for key, text in self._by_key().items()}
        kernels = SimpleNamespace(**{name: getattr(loaded[text.key], name) for name, text in self.texts.items()})

        def call(*inputs: Any) -> Any:
            assert self.oracle.launch is not None
            return self.oracle.launch(kernels, self.config, *inputs)

        return call

    def compiled(self, arch: str, *inputs: Any) -> list[Compiled]:
        """Compile each kernel that a call with these inputs would launch, for `arch` ("sm_90"). Nothing runs."""
        return self._compiled(arch, inputs, {key: kernel_lines(text) for key, text in self._by_key().items()})

    def compiled_as_run(self, arch: str, *inputs: Any, reached: Mapping[str, Set[int]]) -> list[Compiled]:
        """Compile the kernels without what a call did not reach, if there is anything that it did not reach."""
        parts = {key: only_reached(text, reached[key]) for key, text in self._by_key().items()}
        return self._compiled(arch, inputs, {key: source for key, source in parts.items() if source is not None})

    def _by_key(self) -> dict[str, KernelText]:
        return {text.key: text for text in self.texts.values()}

    def _compiled(self, arch: str, inputs: Sequence[Any], sources: Mapping[str, str]) -> list[Compiled]:
        """Compile the kernels whose source is given, by the key of their text."""
        from grader.kernels.compile import compile_for, launches  # imports torch

        assert self.oracle.launch is not None
        planned = launches(self.texts, self.oracle.launch, self.config, inputs)
        keys = [self.texts[launch.kernel].key for launch in planned]
        return [compile_for(arch, sources[k], launch) for k, launch in zip(keys, planned, strict=True) if k in sources]

    def with_variant(self, variant: Variant, *others: Variant) -> Launched:
        """The same function with one kernel replaced by the variant's, and more kernels by the kernels of `others`."""
        key = tuple(v.name for v in (variant, *others))
        if key not in self._variants:
            self._variants[key] = Launched(self.oracle, self.text, (variant, *others))
        return self._variants[key]

    @cached_property
    def with_right_kernels(self) -> Launched | None:
        """Right kernels with the learner's own CONFIG, or None if the oracle has none."""
        rights = sorted(self.oracle.rights.values(), key=lambda right: bool(right.config))  # those that fit any first
        by_kernel = {_replaced(self.text, right): replace(right, config={}) for right in reversed(rights)}
        return Launched(self.oracle, self.text, tuple(by_kernel.values())) if by_kernel else None

    def among_right_kernels(self, variant: Variant) -> Launched:
        """The variant's kernel beside right kernels: none of the learner's that `@right` has another answer for."""
        own = _replaced(self.text, variant)
        rights = {_replaced(self.text, right): right for right in self.oracle.rights.values()}
        return self.with_variant(variant, *[right for name, right in rights.items() if name != own])
