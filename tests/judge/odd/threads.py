"""Threads, a pool of threads, a queue and a lock.

koan: causal_mask
verdict: passed
"""
import queue
import threading
from concurrent.futures import ThreadPoolExecutor

import torch

pool = ThreadPoolExecutor(4)
lock = threading.Lock()


def row(i, n_q, n_k):
    with lock:
        return [0.0 if j <= i + n_k - n_q else -torch.inf for j in range(n_k)]


def causal_mask(n_q, n_k):
    rows = queue.SimpleQueue()
    thread = threading.Thread(target=lambda: rows.put(list(pool.map(lambda i: row(i, n_q, n_k), range(n_q)))))
    thread.start()
    thread.join()
    return torch.tensor(rows.get()).reshape(n_q, n_k)
