"""What a model inherits

A fine-tune of a fine-tune of a base is derived from both earlier models, and each model's license stays in force. The
license on the newest card is only one of several licenses.
"""


def lineage_license(
    model: str, parents: dict[str, list[str]], licenses: dict[str, str], terms: dict[str, list[str]]
) -> dict[str, list[str]]:
    """The obligations that `model` is under, and the models of its lineage whose terms are not known.

    The lineage is the model, its parents, their parents, and so on. A merge has several parents. A model that is not in
    `parents` has none. Each model of the lineage contributes terms[licenses[name]]. A model is unknown if it is not in
    `licenses`, or if its license is not in `terms`.

        parents {"chat": ["tuned"], "tuned": ["base"]}
        licenses {"chat": "mit", "tuned": "apache-2.0", "base": "llama2"}
        terms {"mit": ["keep notice"], "apache-2.0": ["keep notice", "state changes"], "llama2": ["under 700M users"]}
            lineage_license("chat", ...)
              ->  {"obligations": ["keep notice", "state changes", "under 700M users"], "unknown": []}

    Both lists are sorted and have no duplicates. Raises ValueError if a model is its own ancestor.
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
