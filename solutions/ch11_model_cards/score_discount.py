"""The score on unseen questions

A reported score is a mean over all questions, including the questions in the training data. Leave these questions out
and compare.
"""


def score_discount(correct: list[bool], contaminated: list[bool]) -> dict[str, float]:
    """Three numbers about a test. Answer i was right if correct[i]. Question i was seen in training if contaminated[i].

    "reported"   the share of right answers among all questions
    "clean"      the share of right answers among the questions that are not contaminated
    "discount"   reported − clean: the effect of the seen questions on the score

        correct [True, True, False, True], contaminated [True, False, False, True]
            ->  {"reported": 0.75, "clean": 0.5, "discount": 0.25}

    Raises ValueError if the lists have different lengths, or if no question is clean: there is nothing to compare with.
    """
    ### BEGIN SOLUTION
    if len(correct) != len(contaminated) or all(contaminated):
        raise ValueError("one mark for each answer, and at least one clean question")
    unseen = [right for right, seen in zip(correct, contaminated, strict=True) if not seen]
    reported, clean = sum(correct) / len(correct), sum(unseen) / len(unseen)
    return {"reported": reported, "clean": clean, "discount": reported - clean}
    ### END SOLUTION
