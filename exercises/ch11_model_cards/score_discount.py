"""The score on what was not seen

A reported score is a mean over all questions, those in the training data included. Leave these out, and compare.
"""


def score_discount(correct: list[bool], contaminated: list[bool]) -> dict[str, float]:
    """Three numbers about a test of which answer i was right if correct[i], and question i was seen if contaminated[i].

    "reported"   the share of right answers among all questions
    "clean"      the share of right answers among the questions that are not contaminated
    "discount"   reported − clean: how much of the score is owed to the questions that were seen

        correct [True, True, False, True], contaminated [True, False, False, True]
            ->  {"reported": 0.75, "clean": 0.5, "discount": 0.25}

    Raises ValueError if the lists are not of one length, or no question is clean: nothing to compare with.
    """
    raise NotImplementedError("your turn")
