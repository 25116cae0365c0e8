"""The answer is a coroutine function.

koan: merge_pair
verdict: failed
"""
async def merge_pair(ids, pair, new_id):
    return ids
