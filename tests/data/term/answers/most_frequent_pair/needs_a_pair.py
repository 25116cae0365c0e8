from collections import Counter
from itertools import pairwise


def most_frequent_pair(ids):
    tally = Counter(pairwise(ids))
    return max(tally, key=lambda pair: (tally[pair], pair))
