"""Four counts (right or wrong, seen or unseen) and fractions of them."""

from fractions import Fraction

from reference import oracle

Marks = list[bool]
Scores = dict[str, float]


def _counts(correct: Marks, contaminated: Marks) -> dict[tuple[bool, bool], int]:
    """(right, seen) -> how many"""
    if len(correct) != len(contaminated):
        raise ValueError("of one length")
    pairs = list(zip(correct, contaminated, strict=True))
    counts = {(right, seen): pairs.count((right, seen)) for right in (True, False) for seen in (True, False)}
    if counts[True, False] + counts[False, False] == 0:
        raise ValueError("nothing is clean")
    return counts


def _share(right: int, wrong: int) -> float:
    return float(Fraction(right, right + wrong)) if right + wrong else 0.0


@oracle
def score_discount(correct: Marks, contaminated: Marks) -> Scores:
    n = _counts(correct, contaminated)
    clean = Fraction(n[True, False], n[True, False] + n[False, False])
    reported = Fraction(n[True, False] + n[True, True], sum(n.values()))
    return {"reported": float(reported), "clean": float(clean), "discount": float(reported - clean)}


def _scores(reported: float, clean: float) -> Scores:
    return {"reported": reported, "clean": clean, "discount": reported - clean}


@score_discount.right("the discount as the share of seen questions times the gap between seen and unseen")
def by_gap(correct: Marks, contaminated: Marks) -> Scores:
    scores = score_discount.fn(correct, contaminated)
    n = _counts(correct, contaminated)
    seen = (n[True, True] + n[False, True]) / len(correct)
    gap = _share(n[True, True], n[False, True]) - scores["clean"]
    return scores | {"discount": seen * gap if seen else 0.0}


@score_discount.wrong("contaminated questions were counted as wrong: leave them out of the divisor too")
def seen_count_as_wrong(correct: Marks, contaminated: Marks) -> Scores:
    n = _counts(correct, contaminated)
    return _scores(score_discount.fn(correct, contaminated)["reported"], n[True, False] / len(correct))


@score_discount.wrong("reported was multiplied by the clean share: compute the score from the answers")
def scaled(correct: Marks, contaminated: Marks) -> Scores:
    scores, n = score_discount.fn(correct, contaminated), _counts(correct, contaminated)
    return _scores(scores["reported"], scores["reported"] * (n[True, False] + n[False, False]) / len(correct))


@score_discount.wrong("the score on the contaminated questions was returned as clean: use the other questions")
def on_the_seen(correct: Marks, contaminated: Marks) -> Scores:
    n = _counts(correct, contaminated)
    return _scores(score_discount.fn(correct, contaminated)["reported"], _share(n[True, True], n[False, True]))


@score_discount.wrong("the gap between seen and unseen questions was returned: the discount is reported − clean")
def gap(correct: Marks, contaminated: Marks) -> Scores:
    scores, n = score_discount.fn(correct, contaminated), _counts(correct, contaminated)
    return scores | {"discount": _share(n[True, True], n[False, True]) - scores["clean"]}


@score_discount.wrong("clean − reported was returned: the discount is reported − clean")
def sign(correct: Marks, contaminated: Marks) -> Scores:
    scores = score_discount.fn(correct, contaminated)
    return scores | {"discount": scores["clean"] - scores["reported"]}


@score_discount.wrong("the discount was cut off at 0: it is negative if the seen questions were harder")
def not_negative(correct: Marks, contaminated: Marks) -> Scores:
    scores = score_discount.fn(correct, contaminated)
    return scores | {"discount": max(scores["discount"], 0.0)}


@score_discount.wrong("the discount is a share of the reported score: return reported − clean")
def relative(correct: Marks, contaminated: Marks) -> Scores:
    scores = score_discount.fn(correct, contaminated)
    return scores | {"discount": scores["discount"] / (scores["reported"] or 1.0)}


@score_discount.wrong("the results are percentages: return shares between 0 and 1")
def per_cent(correct: Marks, contaminated: Marks) -> Scores:
    return {name: 100 * score for name, score in score_discount.fn(correct, contaminated).items()}


@score_discount.wrong("a test without clean questions got a clean score of 0: raise ValueError")
def zero_for_nothing(correct: Marks, contaminated: Marks) -> Scores:
    if len(correct) == len(contaminated) and all(contaminated):
        return _scores(sum(correct) / max(len(correct), 1), 0.0)
    return score_discount.fn(correct, contaminated)


@score_discount.wrong("lists of different lengths were cut to the shorter one: raise ValueError")
def cut(correct: Marks, contaminated: Marks) -> Scores:
    n = min(len(correct), len(contaminated))
    return score_discount.fn(correct[:n], contaminated[:n])


@score_discount.wrong("zip silently stopped at the end of the shorter list: compare the lengths first")
def cut_short(correct: Marks, contaminated: Marks) -> Scores:
    if all(contaminated):
        raise ValueError("nothing is clean")
    unseen = [right for right, seen in zip(correct, contaminated, strict=False) if not seen]
    return _scores(sum(correct) / len(correct), sum(unseen) / len(unseen))


@score_discount.wrong(
    "the clean score is 0 when no question is clean: raise ValueError, there is nothing to compare with"
)
def nothing_clean(correct: Marks, contaminated: Marks) -> Scores:
    if len(correct) == len(contaminated) > 0 and all(contaminated):
        return _scores(sum(correct) / len(correct), 0.0)
    return score_discount.fn(correct, contaminated)


@score_discount.wrong("the shares were rounded to two digits: return them unrounded")
def two_digits(correct: Marks, contaminated: Marks) -> Scores:
    scores = score_discount.fn(correct, contaminated)
    return _scores(round(scores["reported"], 2), round(scores["clean"], 2))
