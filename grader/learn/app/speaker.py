"""Lets the small model say a sentence on the learner's functions, while the app goes on."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping

from grader.book.workbook import Workbook
from grader.learn.model_functions import has_model, yours_by
from grader.learn.progress import Standing
from grader.model.client import folder_of_ours, run
from grader.model.figures import Sampling
from grader.model.path import PATH
from grader.model.protocol import Failed, Say, Source, Text

PROMPT, TOKENS = "Once upon a time", 24
SEED = 1


class Speaker:
    """One process at a time, for the koan that passed last. Without a trained model, or if it fails, nothing is said.

    `say` is called with the koan and the sentence, from another thread.
    """

    def __init__(self, workbook: Workbook, say: Callable[[str, str], None]) -> None:
        self._workbook = workbook
        self._say = say
        self._wanted = ""

    def speak(self, koan: str, standings: Mapping[str, Standing]) -> None:
        """Say a sentence, because this koan has passed. Returns at once."""
        if koan in PATH and has_model(self._workbook):
            self._wanted = koan
            whose = yours_by(self._workbook, standings).whose
            threading.Thread(target=self._run, args=(koan, whose), name="model", daemon=True).start()

    def stop(self) -> None:
        """Nothing is wanted any more. The process ends with its next event."""
        self._wanted = ""

    def _run(self, koan: str, whose: Mapping[str, str]) -> None:
        root = self._workbook.root
        source = Source(str(root), str(folder_of_ours(root)), whose)
        request = Say(source, (PROMPT,), Sampling(most=TOKENS, seed=SEED))
        text = PROMPT
        with contextlib.suppress(Exception), contextlib.closing(run(request)) as events:
            for event in events:
                if isinstance(event, Failed) or self._wanted != koan:
                    return
                if isinstance(event, Text):
                    text += event.text
            self._say(koan, " ".join(text.split()))
