"""One generation at a time, until there is no new model."""

from collections.abc import Iterable

from reference import oracle

Graph = dict[str, list[str]]
Names = dict[str, str]
Result = dict[str, list[str]]


def _ancestors(model: str, parents: Graph) -> set[str]:
    found: set[str] = set()
    generation = {model}
    while generation:
        generation = {parent for name in generation for parent in parents.get(name, [])} - found
        found |= generation
    return found


def _lineage(model: str, parents: Graph) -> set[str]:
    lineage = {model} | _ancestors(model, parents)
    if any(name in _ancestors(name, parents) for name in lineage):
        raise ValueError("a circle")
    return lineage


def _terms(lineage: Iterable[str], licenses: Names, terms: Graph) -> Result:
    obligations, unknown = [], []
    for name in lineage:
        if name in licenses and licenses[name] in terms:
            obligations.extend(terms[licenses[name]])
        else:
            unknown.append(name)
    return {"obligations": sorted(set(obligations)), "unknown": sorted(set(unknown))}


@oracle
def lineage_license(model: str, parents: Graph, licenses: Names, terms: Graph) -> Result:
    return _terms(_lineage(model, parents), licenses, terms)


@lineage_license.right("the union of the terms of a model and, recursively, of its parents")
def by_recursion(model: str, parents: Graph, licenses: Names, terms: Graph) -> Result:
    def collect(name: str, path: list[str]) -> tuple[set[str], set[str]]:
        if name in path:
            raise ValueError("a circle")
        known = licenses.get(name, "") in terms
        duties, unknown = set(terms[licenses[name]] if known else []), set() if known else {name}
        for parent in parents.get(name, []):
            more = collect(parent, [*path, name])
            duties, unknown = duties | more[0], unknown | more[1]
        return duties, unknown

    duties, unknown = collect(model, [])
    return {"obligations": sorted(duties), "unknown": sorted(unknown)}


@lineage_license.wrong("only the newest license was used: the licenses of all ancestors stay in force")
def newest_alone(model: str, parents: Graph, licenses: Names, terms: Graph) -> Result:
    _lineage(model, parents)
    return _terms([model], licenses, terms)


@lineage_license.wrong("only the base's license was used: each model between adds its own terms")
def base_alone(model: str, parents: Graph, licenses: Names, terms: Graph) -> Result:
    return _terms([name for name in _lineage(model, parents) if not parents.get(name)], licenses, terms)


@lineage_license.wrong("only the model and its parents were used: licenses are inherited along the whole chain")
def one_generation(model: str, parents: Graph, licenses: Names, terms: Graph) -> Result:
    if model in parents.get(model, []):
        raise ValueError("a circle")
    return _terms([model, *parents.get(model, [])], licenses, terms)


@lineage_license.wrong("only the first parent was followed: a merge is derived from all its parents")
def first_parent(model: str, parents: Graph, licenses: Names, terms: Graph) -> Result:
    _lineage(model, parents)
    return _terms(_lineage(model, {name: all_[:1] for name, all_ in parents.items()}), licenses, terms)


@lineage_license.wrong("the model's own license was left out: it applies too")
def without_its_own(model: str, parents: Graph, licenses: Names, terms: Graph) -> Result:
    return _terms(_lineage(model, parents) - {model}, licenses, terms)


@lineage_license.wrong("only terms that all licenses share were returned: every license applies, so take the union")
def shared_terms(model: str, parents: Graph, licenses: Names, terms: Graph) -> Result:
    lineage = _lineage(model, parents)
    result = _terms(lineage, licenses, terms)
    known = [terms[licenses[name]] for name in lineage if licenses.get(name) in terms]
    return result | {"obligations": [duty for duty in result["obligations"] if all(duty in one for one in known)]}


@lineage_license.wrong(
    "models without a known license were skipped: list them as unknown, since no license means no permission"
)
def unknown_passed_over(model: str, parents: Graph, licenses: Names, terms: Graph) -> Result:
    return _terms(_lineage(model, parents), licenses, terms) | {"unknown": []}


@lineage_license.wrong("a license that is not in `terms` was treated as having no terms: its model is unknown")
def unlisted_is_free(model: str, parents: Graph, licenses: Names, terms: Graph) -> Result:
    return _terms(_lineage(model, parents), licenses, {name: [] for name in licenses.values()} | terms)


@lineage_license.wrong("a missing license was replaced by the license of the parents: list the model as unknown")
def inherits_missing(model: str, parents: Graph, licenses: Names, terms: Graph) -> Result:
    result = _terms(_lineage(model, parents), licenses, terms)
    return result | {"unknown": [name for name in result["unknown"] if not parents.get(name)]}


@lineage_license.wrong("all models were counted: a model inherits only from its ancestors")
def whole_table(model: str, parents: Graph, licenses: Names, terms: Graph) -> Result:
    return _terms(_lineage(model, parents) | set(licenses), licenses, terms)


@lineage_license.wrong("descendants were followed: a model inherits from its parents, not from its children")
def downwards(model: str, parents: Graph, licenses: Names, terms: Graph) -> Result:
    _lineage(model, parents)
    children: Graph = {}
    for child, all_ in parents.items():
        for parent in all_:
            children.setdefault(parent, []).append(child)
    return _terms(_lineage(model, children), licenses, terms)


@lineage_license.wrong("the same obligation was listed several times: list it once")
def with_repetitions(model: str, parents: Graph, licenses: Names, terms: Graph) -> Result:
    lineage = _lineage(model, parents)
    duties = [duty for name in lineage for duty in terms.get(licenses.get(name, ""), [])]
    return _terms(lineage, licenses, terms) | {"obligations": sorted(duties)}


@lineage_license.wrong("the names of the licenses were returned: return their obligations")
def names_of_licences(model: str, parents: Graph, licenses: Names, terms: Graph) -> Result:
    lineage = _lineage(model, parents)
    known = {licenses[name] for name in lineage if licenses.get(name) in terms}
    return _terms(lineage, licenses, terms) | {"obligations": sorted(known)}


@lineage_license.wrong("a circle was accepted: raise ValueError")
def circle_passed_over(model: str, parents: Graph, licenses: Names, terms: Graph) -> Result:
    return _terms({model} | _ancestors(model, parents), licenses, terms)


@lineage_license.wrong(
    "two paths to one ancestor were treated as a circle: a merge of two fine-tunes of one base is not a circle"
)
def diamond_is_a_circle(model: str, parents: Graph, licenses: Names, terms: Graph) -> Result:
    seen: list[str] = []

    def visit(name: str) -> None:
        if name in seen:
            raise ValueError("a circle")
        seen.append(name)
        for parent in parents.get(name, []):
            visit(parent)

    visit(model)
    return _terms(seen, licenses, terms)


@lineage_license.wrong('"unknown" lists the license: list the model that has it')
def unknown_licences(model: str, parents: Graph, licenses: Names, terms: Graph) -> Result:
    result = _terms(_lineage(model, parents), licenses, terms)
    return result | {"unknown": sorted({licenses.get(name, name) for name in result["unknown"]})}


@lineage_license.wrong("the walk stopped at a model with unknown terms: go on to its parents")
def stops_at_unknown(model: str, parents: Graph, licenses: Names, terms: Graph) -> Result:
    known = {name: all_ if licenses.get(name) in terms else [] for name, all_ in parents.items()}
    return _terms(_lineage(model, known), licenses, terms)


@lineage_license.wrong(
    "only a circle through the model itself was refused: a circle among its ancestors is an error too"
)
def circle_of_its_own(model: str, parents: Graph, licenses: Names, terms: Graph) -> Result:
    lineage = _ancestors(model, parents)
    if model in lineage:
        raise ValueError("a circle")
    return _terms({model} | lineage, licenses, terms)


def _in_order(model: str, parents: Graph, licenses: Names, terms: Graph, parents_first: bool) -> Result:
    """Both lists in the order in which a walk along the parents finds their entries."""
    _lineage(model, parents)
    found: list[str] = []

    def visit(name: str) -> None:
        if name in found:
            return
        if not parents_first:
            found.append(name)
        for parent in parents.get(name, []):
            visit(parent)
        if parents_first:
            found.append(name)

    visit(model)
    known = [name for name in found if licenses.get(name) in terms]
    duties = dict.fromkeys(duty for name in known for duty in terms[licenses[name]])
    return {"obligations": list(duties), "unknown": [name for name in found if name not in known]}


@lineage_license.wrong("the lists are in the order of the walk: sort them")
def as_found(model: str, parents: Graph, licenses: Names, terms: Graph) -> Result:
    return _in_order(model, parents, licenses, terms, parents_first=False)


@lineage_license.wrong("the lists are in the order of the walk, ancestors first: sort them")
def ancestors_first(model: str, parents: Graph, licenses: Names, terms: Graph) -> Result:
    return _in_order(model, parents, licenses, terms, parents_first=True)
