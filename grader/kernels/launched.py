"""A kernel koan as a function: the oracle's launcher over the kernels of a text."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from grader.book.errors import KoansError
from reference import Oracle, Variant

if TYPE_CHECKING:
    from grader.kernels.compile import Compiled
    from grader.kernels.interpreter.count import Traffic
    from grader.kernels.text import KernelText


def launched(oracle: Oracle[..., Any], text: str, file: str, chosen: Variant | None = None) -> Launched:
    """The oracle's launcher with the kernels of the text. If a variant is chosen, its kernel replaces one of them."""
    from grader.kernels.text import read

    if oracle.launch is None:
        raise KoansError(f"reference: {oracle.__name__} is a kernel koan's oracle and has no @launcher")
    plain = Launched(oracle, read(text, file))
    return plain.with_variant(chosen) if chosen else plain


class Config(dict[str, Any]):
    """CONFIG for the launcher, with an error that names it."""

    def __missing__(self, key: str) -> Any:
        raise KeyError(f"CONFIG has no {key!r}")


class Launched:
    """The function of a kernel koan: a launcher and the learner's kernels."""

    def __init__(self, oracle: Oracle[..., Any], text: KernelText, chosen: Variant | None = None) -> None:
        from grader.kernels.interpreter import run
        from grader.kernels.text import read

        self.oracle, self.text = oracle, text
        self.__name__ = oracle.__name__
        self.config = dict(text.config)
        self.kernels = run.load(text)
        self.texts = dict.fromkeys(text.functions, text)  # the text that contains each kernel
        self.traffic: Traffic | None = None  # of the last call
        self._variants: dict[str, Launched] = {}
        self.variant = ""  # the name of the wrong or right answer, if there is one
        if chosen is not None:
            self.variant = chosen.name
            name = chosen.replaces or next(iter(text.functions))
            helpers = "".join(run.kernel_text(node) for other, node in text.functions.items() if other != name)
            replacement = read(run.kernel_source(chosen.fn, name) + helpers + "CONFIG = {}\n", f"<{chosen.name}>")
            setattr(self.kernels, name, getattr(run.load(replacement), name))
            self.texts[name] = replacement
            self.config |= chosen.config
        self.config = Config(self.config)

    def __call__(self, *inputs: Any, **kwargs: Any) -> Any:
        from grader.kernels.interpreter.count import Traffic

        assert self.oracle.launch is not None
        self.traffic = Traffic(self.config)
        kernels = {name: replace(kernel, traffic=self.traffic) for name, kernel in vars(self.kernels).items()}
        return self.oracle.launch(SimpleNamespace(**kernels), self.config, *inputs, **kwargs)

    def compiled(self, arch: str, *inputs: Any) -> list[Compiled]:
        """Compile for `arch` each kernel that a call with these inputs would launch. Nothing is run."""
        from grader.kernels.compile import compile_for, launches

        assert self.oracle.launch is not None
        planned = launches(self.texts, self.oracle.launch, self.config, inputs)
        return [compile_for(arch, self.texts[launch.kernel], launch) for launch in planned]

    def with_variant(self, chosen: Variant) -> Launched:
        """The same function, with one kernel replaced by the variant's."""
        if chosen.name not in self._variants:
            self._variants[chosen.name] = Launched(self.oracle, self.text, chosen)
        return self._variants[chosen.name]
