"""The questions a card leaves open

A model card is written by those who want the model used. Its front matter is data, so what it does not say can be found
by a program.
"""

from typing import Any

DERIVED = ("adapter", "dpo", "gguf", "lora", "merge", "sft")


def red_flags(card: dict[str, Any], config: dict[str, Any]) -> list[str]:
    """The open questions, in this order, of a card's front matter (parsed YAML) and the model's config.json.

    "licence"        `license` is missing or empty; or it is "other" and `license_link` is missing or empty
    "base"           `base_model` is missing or empty, though `base_model_relation` is given or one of the `tags` is in
                     DERIVED, whatever its case: derived from what?
    "evaluation"     at least one result has no `source`: measured by the authors themselves
    "training data"  there are results, and `datasets` is missing or empty: was the test in it?
    "quantisation"   there are results, and `base_model_relation` is "quantized": measured before or after?
    "context"        config has `rope_scaling` with a `factor` above 1: measured at that length, or only stretched?

    Results are those of all entries of `model-index`: each entry is a dict with a list `results`. Any key may be
    missing, and any may be None, which is the same as missing.

        card {"license": "mit", "model-index": [{"results": [{"source": {"url": "..."}}]}]}, config {}
          ->  ["training data"]
    """
    ### BEGIN SOLUTION
    licence, relation = card.get("license"), card.get("base_model_relation")
    results = [result for entry in card.get("model-index") or [] for result in entry.get("results") or []]
    derived = relation or any(tag.lower() in DERIVED for tag in card.get("tags") or [])
    scaling = config.get("rope_scaling") or {}
    flags = {
        "licence": not licence or (licence == "other" and not card.get("license_link")),
        "base": derived and not card.get("base_model"),
        "evaluation": not all(result.get("source") for result in results),
        "training data": results and not card.get("datasets"),
        "quantisation": results and relation == "quantized",
        "context": (scaling.get("factor") or 1) > 1,
    }
    return [name for name, raised in flags.items() if raised]
    ### END SOLUTION
