"""What a card says is taken out of it first, missing or not; then the questions, one after the other."""

from collections.abc import Callable
from typing import Any

from reference import oracle

Data = dict[str, Any]
DERIVED = ("adapter", "dpo", "gguf", "lora", "merge", "sft")


def _said(card: Data) -> Data:
    """The card without what is None or empty."""
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
    """`rules` are those of a wrong answer, with _ for a space."""
    ours = {name.replace("_", " "): rule for name, rule in rules.items()}
    return [name for name, rule in (RULES | ours).items() if rule(card, config)]


@red_flags.right("with nothing but sets of names")
def by_sets(card: Data, config: Data) -> list[str]:
    raised = {name for name, rule in RULES.items() if rule(_said(card), config)}
    return sorted(raised, key=list(RULES).index)


@red_flags.wrong("the licence asked for with `in`: an empty one, or None, says nothing either")
def licence_by_key(card: Data, config: Data) -> list[str]:
    return _flags(
        card,
        config,
        licence=lambda c, _: "license" not in c or (c["license"] == "other" and "license_link" not in _said(c)),
    )


@red_flags.wrong('"other" taken for a licence: without a link nobody knows which')
def other_is_fine(card: Data, config: Data) -> list[str]:
    return _flags(card, config, licence=lambda c, _: "license" not in _said(c))


@red_flags.wrong('"other" always flagged: with a link its text can be read')
def other_is_never_fine(card: Data, config: Data) -> list[str]:
    return _flags(card, config, licence=lambda c, _: c.get("license") in (None, "", "other"))


@red_flags.wrong('a link wanted for every licence: only "other" needs one')
def link_always(card: Data, config: Data) -> list[str]:
    return _flags(card, config, licence=lambda c, _: "license" not in _said(c) or "license_link" not in _said(c))


@red_flags.wrong("every card without `base_model` flagged: a base model has none")
def base_always(card: Data, config: Data) -> list[str]:
    return _flags(card, config, base=lambda c, _: "base_model" not in _said(c))


@red_flags.wrong("tags not looked at: a tag such as gguf says that the model is derived, too")
def tags_ignored(card: Data, config: Data) -> list[str]:
    return _flags(card, config, base=lambda c, _: "base_model_relation" in _said(c) and "base_model" not in _said(c))


@red_flags.wrong("tags compared with their case: GGUF and gguf are one")
def tags_by_case(card: Data, config: Data) -> list[str]:
    def base(c: Data, _: Data) -> bool:
        derived = "base_model_relation" in _said(c) or any(tag in DERIVED for tag in c.get("tags") or [])
        return derived and "base_model" not in _said(c)

    return _flags(card, config, base=base)


@red_flags.wrong("parts of tags matched: 'emergent' is no merge")
def tags_by_part(card: Data, config: Data) -> list[str]:
    def base(c: Data, _: Data) -> bool:
        tags = " ".join(c.get("tags") or []).lower()
        derived = "base_model_relation" in _said(c) or any(word in tags for word in DERIVED)
        return derived and "base_model" not in _said(c)

    return _flags(card, config, base=base)


@red_flags.wrong("flagged only if no result has a source: one without is a question already")
def all_without_source(card: Data, config: Data) -> list[str]:
    return _flags(
        card, config, evaluation=lambda c, _: _results(c) and not any(result.get("source") for result in _results(c))
    )


@red_flags.wrong("results with a source flagged: those were measured by somebody else")
def with_source(card: Data, config: Data) -> list[str]:
    return _flags(card, config, evaluation=lambda c, _: any(result.get("source") for result in _results(c)))


@red_flags.wrong("only the first entry of `model-index` read: there may be several")
def first_entry(card: Data, config: Data) -> list[str]:
    index = card.get("model-index")
    return _flags(card | {"model-index": index[:1]} if index else card, config)


@red_flags.wrong("`model-index` taken for results: an entry may have none")
def index_is_results(card: Data, config: Data) -> list[str]:
    return _flags(
        card,
        config,
        training_data=lambda c, _: "model-index" in _said(c) and "datasets" not in _said(c),
        quantisation=lambda c, _: "model-index" in _said(c) and c.get("base_model_relation") == "quantized",
    )


@red_flags.wrong("missing data sets flagged without results: there is no score that they could have helped")
def datasets_always(card: Data, config: Data) -> list[str]:
    return _flags(card, config, training_data=lambda c, _: "datasets" not in _said(c))


@red_flags.wrong("every quantised model flagged: without results there is nothing that could have been measured before")
def quantised_always(card: Data, config: Data) -> list[str]:
    return _flags(card, config, quantisation=lambda c, _: c.get("base_model_relation") == "quantized")


@red_flags.wrong("every relation to a base taken for a quantisation")
def any_relation(card: Data, config: Data) -> list[str]:
    return _flags(card, config, quantisation=lambda c, _: _results(c) and "base_model_relation" in _said(c))


@red_flags.wrong("every `rope_scaling` flagged: a factor of 1 stretches nothing")
def any_scaling(card: Data, config: Data) -> list[str]:
    return _flags(card, config, context=lambda _, c: c.get("rope_scaling"))


@red_flags.wrong("`rope_scaling` looked for on the card: it is in config.json")
def scaling_on_the_card(card: Data, config: Data) -> list[str]:
    return _flags(card, config, context=lambda c, _: _factor(c) > 1)


@red_flags.wrong("in alphabetical order: the order of the list above is asked for")
def alphabetical(card: Data, config: Data) -> list[str]:
    return sorted(_flags(card, config))


@red_flags.wrong("a factor of 1 flagged: it stretches nothing, only a larger one does")
def factor_of_one(card: Data, config: Data) -> list[str]:
    return _flags(card, config, context=lambda _, c: ((c.get("rope_scaling") or {}).get("factor") or 0) >= 1)


@red_flags.wrong("`model-index` taken for results, for the training data: an entry may have none")
def index_is_results_for_training(card: Data, config: Data) -> list[str]:
    return _flags(card, config, training_data=lambda c, _: "model-index" in _said(c) and "datasets" not in _said(c))


@red_flags.wrong("the source asked for with `in`: one that is None says nothing either")
def source_by_key(card: Data, config: Data) -> list[str]:
    return _flags(card, config, evaluation=lambda c, _: any("source" not in result for result in _results(c)))


@red_flags.wrong("flagged without any result as well: with none there is nothing that somebody measured")
def without_results(card: Data, config: Data) -> list[str]:
    return _flags(card, config, evaluation=lambda c, _: not any(result.get("source") for result in _results(c)))


@red_flags.wrong("the base asked for with `in` or `is None`: an empty list names none either")
def base_by_key(card: Data, config: Data) -> list[str]:
    return _flags(card, config, base=lambda c, _: _is_derived(c) and c.get("base_model") is None)


@red_flags.wrong("the data sets asked for with `in` or `is None`: an empty list names none either")
def datasets_by_key(card: Data, config: Data) -> list[str]:
    return _flags(card, config, training_data=lambda c, _: len(_results(c)) > 0 and c.get("datasets") is None)


@red_flags.wrong("a `model-index` of None iterated: it is the same as a missing one")
def none_iterated(card: Data, config: Data) -> list[str]:
    list(card.get("model-index", []))
    return red_flags.fn(card, config)
