"""The questions a card leaves open

A model's card is written by people who want the model to be used. The front matter of a card is data, so a program can
find what it does not say.
"""

from typing import Any

DERIVED = ("adapter", "dpo", "gguf", "lora", "merge", "sft")


def red_flags(card: dict[str, Any], config: dict[str, Any]) -> list[str]:
    """The open questions of a card's front matter (parsed YAML) and the model's config.json, in this order:

    "licence"        `license` is missing or empty; or it is "other" and `license_link` is missing or empty
    "base"           `base_model` is missing or empty, but `base_model_relation` is given or one of the `tags` is in
                     DERIVED, in upper or lower case: from which model is it derived?
    "evaluation"     at least one result has no `source`: did the authors measure it themselves?
    "training data"  there are results, and `datasets` is missing or empty: was the test in the training data?
    "quantisation"   there are results, and `base_model_relation` is "quantized": measured before or after?
    "context"        the config has `rope_scaling` with a `factor` above 1: measured at that length, or only stretched?

    The results are the results of all entries of `model-index`. Each entry is a dict with a list `results`. Any key may
    be missing. A value of None counts as missing.

        card {"license": "mit", "model-index": [{"results": [{"source": {"url": "..."}}]}]}, config {}
          ->  ["training data"]
    """
    raise NotImplementedError("your turn")
