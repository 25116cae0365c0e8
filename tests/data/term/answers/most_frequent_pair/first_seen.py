from collections import Counter
from itertools import pairwise


def most_frequent_pair(ids):
    return Counter(pairwise(ids)).most_common(1)[0][0] if len(ids) > 1 else None
