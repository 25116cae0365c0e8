"""First keep what the card says and drop what is missing; then ask the questions one by one."""

from collections.abc import Callable
from typing import Any

from reference import oracle

Data = dict[str, Any]
DERIVED = ("adapter", "dpo", "gguf", "lora", "merge", "sft")


def _said(card: Data) -> Data:
    """The card without values that are None or empty."""
    return {key: value for key, value in card.items() if value is not None and value != "" and value != []}


def _results(card: Data) -> list[Data]:
    found: list[Data] = []
    for entry in card.get("model-index") or []:
        found.extend(entry.get("results") or [])
    return found


def _is_derived(card: Data) -> bool:
    for tag in card.get("tags") or []:
        if tag.lower() in DERIVED:
            return True
    return "base_model_relation" in _said(card)


def _factor(config: Data) -> float:
    scaling = config.get("rope_scaling")
    factor = scaling.get("factor") if scaling is not None else None
    return 1.0 if factor is None else factor


Rule = Callable[[Data, Data], Any]
RULES: dict[str, Rule] = {
    "licence": lambda card, _: (
        "license" not in _said(card) or (card["license"] == "other" and "license_link" not in _said(card))
    ),
    "base": lambda card, _: _is_derived(card) and "base_model" not in _said(card),
    "evaluation": lambda card, _: any(result.get("source") in (None, "", {}) for result in _results(card)),
    "training data": lambda card, _: len(_results(card)) > 0 and "datasets" not in _said(card),
    "quantisation": lambda card, _: len(_results(card)) > 0 and card.get("base_model_relation") == "quantized",
    "context": lambda _, config: _factor(config) > 1,
}


@oracle
def red_flags(card: Data, config: Data) -> list[str]:
    return _flags(card, config)


def _flags(card: Data, config: Data, **rules: Rule) -> list[str]:
    """`rules` are the rules that a wrong answer changes, with _ for a space."""
    ours = {name.replace("_", " "): rule for name, rule in rules.items()}
    return [name for name, rule in (RULES | ours).items() if rule(card, config)]


@red_flags.right("with a set of names")
def by_sets(card: Data, config: Data) -> list[str]:
    raised = {name for name, rule in RULES.items() if rule(_said(card), config)}
    return sorted(raised, key=list(RULES).index)


@red_flags.wrong("the license was checked with `in`: an empty license or None counts as missing too")
def licence_by_key(card: Data, config: Data) -> list[str]:
    return _flags(
        card,
        config,
        licence=lambda c, _: "license" not in c or (c["license"] == "other" and "license_link" not in _said(c)),
    )


@red_flags.wrong('"other" was accepted without a link: nobody knows which license it is')
def other_is_fine(card: Data, config: Data) -> list[str]:
    return _flags(card, config, licence=lambda c, _: "license" not in _said(c))


@red_flags.wrong('"other" was always flagged: with a link the license can be read')
def other_is_never_fine(card: Data, config: Data) -> list[str]:
    return _flags(card, config, licence=lambda c, _: c.get("license") in (None, "", "other"))


@red_flags.wrong('every license needed a link: only "other" needs one')
def link_always(card: Data, config: Data) -> list[str]:
    return _flags(card, config, licence=lambda c, _: "license" not in _said(c) or "license_link" not in _said(c))


@red_flags.wrong("every card without `base_model` was flagged: a base model has none")
def base_always(card: Data, config: Data) -> list[str]:
    return _flags(card, config, base=lambda c, _: "base_model" not in _said(c))


@red_flags.wrong("the tags were ignored: a tag such as gguf also says that the model is derived")
def tags_ignored(card: Data, config: Data) -> list[str]:
    return _flags(card, config, base=lambda c, _: "base_model_relation" in _said(c) and "base_model" not in _said(c))


@red_flags.wrong("the case of tags mattered: GGUF and gguf are the same tag")
def tags_by_case(card: Data, config: Data) -> list[str]:
    def base(c: Data, _: Data) -> bool:
        derived = "base_model_relation" in _said(c) or any(tag in DERIVED for tag in c.get("tags") or [])
        return derived and "base_model" not in _said(c)

    return _flags(card, config, base=base)


@red_flags.wrong("parts of tags matched: 'emergent' is not 'merge'")
def tags_by_part(card: Data, config: Data) -> list[str]:
    def base(c: Data, _: Data) -> bool:
        tags = " ".join(c.get("tags") or []).lower()
        derived = "base_model_relation" in _said(c) or any(word in tags for word in DERIVED)
        return derived and "base_model" not in _said(c)

    return _flags(card, config, base=base)


@red_flags.wrong("only cards without any source were flagged: one result without a source is enough")
def all_without_source(card: Data, config: Data) -> list[str]:
    return _flags(
        card, config, evaluation=lambda c, _: _results(c) and not any(result.get("source") for result in _results(c))
    )


@red_flags.wrong("results with a source were flagged: flag results without one")
def with_source(card: Data, config: Data) -> list[str]:
    return _flags(card, config, evaluation=lambda c, _: any(result.get("source") for result in _results(c)))


@red_flags.wrong("only the first entry of `model-index` was read: there can be several")
def first_entry(card: Data, config: Data) -> list[str]:
    index = card.get("model-index")
    return _flags(card | {"model-index": index[:1]} if index else card, config)


@red_flags.wrong("an entry of `model-index` was counted as a result: an entry can have no results")
def index_is_results(card: Data, config: Data) -> list[str]:
    return _flags(
        card,
        config,
        training_data=lambda c, _: "model-index" in _said(c) and "datasets" not in _said(c),
        quantisation=lambda c, _: "model-index" in _said(c) and c.get("base_model_relation") == "quantized",
    )


@red_flags.wrong("missing data sets were flagged without any results: without results there is no score to question")
def datasets_always(card: Data, config: Data) -> list[str]:
    return _flags(card, config, training_data=lambda c, _: "datasets" not in _said(c))


@red_flags.wrong("every quantized model was flagged: without results there is no score to question")
def quantised_always(card: Data, config: Data) -> list[str]:
    return _flags(card, config, quantisation=lambda c, _: c.get("base_model_relation") == "quantized")


@red_flags.wrong('every `base_model_relation` was flagged: only "quantized" is')
def any_relation(card: Data, config: Data) -> list[str]:
    return _flags(card, config, quantisation=lambda c, _: _results(c) and "base_model_relation" in _said(c))


@red_flags.wrong("every `rope_scaling` was flagged: a factor of 1 stretches nothing")
def any_scaling(card: Data, config: Data) -> list[str]:
    return _flags(card, config, context=lambda _, c: c.get("rope_scaling"))


@red_flags.wrong("`rope_scaling` was read from the card: it is in config.json")
def scaling_on_the_card(card: Data, config: Data) -> list[str]:
    return _flags(card, config, context=lambda c, _: _factor(c) > 1)


@red_flags.wrong("the flags are in alphabetical order: keep the order of the docstring")
def alphabetical(card: Data, config: Data) -> list[str]:
    return sorted(_flags(card, config))


@red_flags.wrong("a factor of 1 was flagged: only a factor above 1 stretches the window")
def factor_of_one(card: Data, config: Data) -> list[str]:
    return _flags(card, config, context=lambda _, c: ((c.get("rope_scaling") or {}).get("factor") or 0) >= 1)


@red_flags.wrong('for "training data", an entry of `model-index` was counted as a result: an entry can have no results')
def index_is_results_for_training(card: Data, config: Data) -> list[str]:
    return _flags(card, config, training_data=lambda c, _: "model-index" in _said(c) and "datasets" not in _said(c))


@red_flags.wrong("the source was checked with `in`: a source of None counts as missing too")
def source_by_key(card: Data, config: Data) -> list[str]:
    return _flags(card, config, evaluation=lambda c, _: any("source" not in result for result in _results(c)))


@red_flags.wrong("a card without results was flagged: without results nobody measured anything")
def without_results(card: Data, config: Data) -> list[str]:
    return _flags(card, config, evaluation=lambda c, _: not any(result.get("source") for result in _results(c)))


@red_flags.wrong("the base was checked with `in` or `is None`: an empty list counts as missing too")
def base_by_key(card: Data, config: Data) -> list[str]:
    return _flags(card, config, base=lambda c, _: _is_derived(c) and c.get("base_model") is None)


@red_flags.wrong("the data sets were checked with `in` or `is None`: an empty list counts as missing too")
def datasets_by_key(card: Data, config: Data) -> list[str]:
    return _flags(card, config, training_data=lambda c, _: len(_results(c)) > 0 and c.get("datasets") is None)


@red_flags.wrong("the code iterated over a `model-index` of None: None counts as missing")
def none_iterated(card: Data, config: Data) -> list[str]:
    list(card.get("model-index", []))
    return red_flags.fn(card, config)
