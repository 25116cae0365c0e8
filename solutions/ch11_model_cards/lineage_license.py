"""What a model inherits

A fine-tune of a fine-tune of a base is a work derived from all of them, and each licence on the way stays in force. The
licence named on the newest card is one of several.
"""


def lineage_license(
    model: str, parents: dict[str, list[str]], licenses: dict[str, str], terms: dict[str, list[str]]
) -> dict[str, list[str]]:
    """The obligations that `model` is under, and the models of its lineage whose terms are not known.

    The lineage is the model, its parents (several for a merge), theirs, and so on; a model not in `parents` has none.
    Each contributes terms[licenses[name]]. A model is unknown if it is not in `licenses` or its licence is not in
    `terms`.

        parents {"chat": ["tuned"], "tuned": ["base"]}
        licenses {"chat": "mit", "tuned": "apache-2.0", "base": "llama2"}
        terms {"mit": ["keep notice"], "apache-2.0": ["keep notice", "state changes"], "llama2": ["under 700M users"]}
            lineage_license("chat", ...)
              ->  {"obligations": ["keep notice", "state changes", "under 700M users"], "unknown": []}

    Both lists are sorted, without repetitions. Raises ValueError if a model is among its own ancestors.
    """
    ### BEGIN SOLUTION
    lineage: set[str] = set()

    def visit(name: str, below: tuple[str, ...]) -> None:
        if name in below:
            raise ValueError(f"{name} is its own ancestor")
        lineage.add(name)
        for parent in parents.get(name, []):
            visit(parent, (*below, name))

    visit(model, ())
    unknown = {name for name in lineage if licenses.get(name) not in terms}
    obligations = {duty for name in lineage - unknown for duty in terms[licenses[name]]}
    return {"obligations": sorted(obligations), "unknown": sorted(unknown)}
    ### END SOLUTION
