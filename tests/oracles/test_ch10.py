"""The oracles of chapter 10 against scikit-learn's neighbors and metrics, and torch's losses, dtypes and poolings."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import label_ranking_average_precision_score, recall_score
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize
from torch import Tensor

from reference.ch10_retrieval.bi_encoder_search import bi_encoder_search
from reference.ch10_retrieval.cosine_as_dot import cosine_as_dot
from reference.ch10_retrieval.embedding_precision import FORMATS, embedding_precision
from reference.ch10_retrieval.info_nce import info_nce
from reference.ch10_retrieval.l2_normalize import l2_normalize
from reference.ch10_retrieval.maxsim import maxsim
from reference.ch10_retrieval.mean_pool import mean_pool
from reference.ch10_retrieval.recall_at_k import mean_reciprocal_rank, recall_at_k
from reference.ch10_retrieval.rerank_cost import rerank_cost

SEEDS = pytest.mark.parametrize("seed", range(5))


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def close(actual: Tensor, expected: object) -> bool:
    return torch.allclose(actual, torch.as_tensor(expected, dtype=torch.float64), rtol=1e-13, atol=1e-13)


@SEEDS
def test_l2_normalize_is_scikit_learns_and_torchs(seed):
    x = randn(6, 11, seed=seed)
    x[2] = 0
    assert close(l2_normalize(x), normalize(x.numpy()))
    assert close(l2_normalize(x.reshape(2, 3, 11)), F.normalize(x.reshape(2, 3, 11), dim=-1))


@SEEDS
def test_cosine_as_dot_is_scikit_learns_cosine_similarity(seed):
    queries, documents = randn(4, 7, seed=seed), randn(9, 7, seed=seed + 10)
    documents[3] = 0
    assert close(cosine_as_dot(queries, documents), cosine_similarity(queries.numpy(), documents.numpy()))


@SEEDS
def test_mean_pool_is_torchs_embedding_bag_over_the_real_tokens(seed):
    table, ids = randn(20, 5, seed=seed), torch.randint(1, 20, (6, 8), generator=torch.Generator().manual_seed(seed))
    mask = torch.arange(8) < torch.tensor([[8], [3], [1], [0], [5], [7]])
    bags = F.embedding_bag(ids.masked_fill(~mask, 0), table, mode="mean", padding_idx=0)
    assert close(mean_pool(table[ids], mask), bags)


@SEEDS
def test_info_nce_is_torchs_cross_entropy_of_the_table(seed):
    queries, positives = randn(9, 6, seed=seed), randn(9, 6, seed=seed + 10)
    table = queries @ positives.T / 0.3
    assert close(info_nce(queries, positives, 0.3), F.cross_entropy(table, torch.arange(9)))


@SEEDS
def test_bi_encoder_search_finds_scikit_learns_nearest_neighbors_of_unit_vectors(seed):
    queries, documents = F.normalize(randn(5, 8, seed=seed), dim=-1), F.normalize(randn(60, 8, seed=seed + 10), dim=-1)
    scores, ids = bi_encoder_search(queries, documents, 7)
    for metric in ("euclidean", "cosine"):
        index = NearestNeighbors(n_neighbors=7, metric=metric).fit(documents.numpy())
        distances, theirs = index.kneighbors(queries.numpy())
        assert ids.tolist() == theirs.tolist()
        assert close(scores, 1 - distances**2 / 2 if metric == "euclidean" else 1 - distances)


def test_of_vectors_that_are_not_normalized_the_nearest_are_others():
    queries, documents = randn(20, 8), randn(60, 8, seed=1)
    index = NearestNeighbors(n_neighbors=1).fit(documents.numpy())
    same = bi_encoder_search(queries, documents, 1)[1].numpy() == index.kneighbors(queries.numpy())[1]
    assert 0 < same.sum() < 20


@SEEDS
def test_maxsim_of_one_token_each_is_a_search_and_in_general_scikit_learns_pairs(seed):
    query, documents = randn(3, 4, seed=seed), randn(6, 5, 4, seed=seed + 10)
    mask = torch.arange(5) < torch.tensor([[5], [1], [2], [4], [3], [5]])
    unit = F.normalize(query, dim=-1), F.normalize(documents, dim=-1)
    expected = [
        cosine_similarity(query.numpy(), tokens[real].numpy()).max(1).sum()
        for tokens, real in zip(documents, mask, strict=True)
    ]
    assert close(maxsim(*unit, mask), expected)
    single = maxsim(query[:1], documents[:, :1], mask[:, :1])
    assert close(single[bi_encoder_search(query[:1], documents[:, 0], 6)[1][0]], single.sort(descending=True).values)


def rankings(seed: int, queries: int = 8, documents: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Scores without ties, and which documents are relevant: at least one for each query."""
    rng = np.random.default_rng(seed)
    scores = rng.permuted(np.tile(np.arange(documents), (queries, 1)), axis=1).astype(float)
    relevant = rng.random((queries, documents)) < 0.25
    relevant[np.arange(queries), rng.integers(0, documents, queries)] = True
    return scores, relevant


@SEEDS
@pytest.mark.parametrize("k", [1, 3, 12])
def test_recall_at_k_is_scikit_learns_recall_of_the_top_k_as_labels(seed, k):
    scores, relevant = rankings(seed)
    order = np.argsort(-scores, axis=1)
    returned = np.zeros_like(relevant)
    np.put_along_axis(returned, order[:, :k], True, axis=1)
    ours = recall_at_k(order.tolist(), [np.flatnonzero(row).tolist() for row in relevant], k)
    assert ours == pytest.approx(recall_score(relevant, returned, average="samples"), rel=1e-13)


@SEEDS
def test_the_mean_reciprocal_rank_of_one_label_a_query_is_scikit_learns_ranking_precision(seed):
    scores, _ = rankings(seed)
    relevant = np.eye(12, dtype=bool)[np.random.default_rng(seed).integers(0, 12, len(scores))]
    order = np.argsort(-scores, axis=1).tolist()
    ours = mean_reciprocal_rank(order, [np.flatnonzero(row).tolist() for row in relevant])
    assert ours == pytest.approx(label_ranking_average_precision_score(relevant, scores), rel=1e-13)


@SEEDS
def test_embedding_precision_is_recall_of_scikit_learns_neighbors_among_stored_vectors(seed):
    """Unit vectors; what a cast leaves is normalized no more, so the neighbors are found by brute force on −dot."""
    queries, documents = randn(6, 8, seed=seed).float(), F.normalize(randn(80, 8, seed=seed + 10), dim=-1).float()

    def neighbors(stored: Tensor) -> list[list[int]]:
        index = NearestNeighbors(n_neighbors=5, metric=lambda q, x: -(q @ x), algorithm="brute")
        return index.fit(stored.double().numpy()).kneighbors(queries.double().numpy())[1].tolist()

    true = neighbors(documents)
    stored = {"fp16": documents.half(), "bf16": documents.bfloat16()}
    ours = embedding_precision(queries, documents, 5)
    for name, x in stored.items():
        assert ours[name] == pytest.approx(recall_at_k(neighbors(x), true, 5), rel=1e-13)


@SEEDS
def test_int8_vectors_are_those_of_torchs_quantizer(seed):
    x = randn(5, 16, seed=seed).float()
    scales = x.abs().amax(1) / 127
    theirs = torch.fake_quantize_per_channel_affine(x, scales, torch.zeros(5, dtype=torch.int32), 0, -128, 127)
    codes = [(y / scales[:, None]).round().int().tolist() for y in (FORMATS["int8"](x), theirs)]
    assert codes[0] == codes[1]


def test_rerank_cost_is_what_a_model_is_called_with():
    read: list[int] = []

    def model(*texts: list[int]) -> Tensor:
        read.append(sum(map(len, texts)))
        return torch.ones(3)

    documents, query = [[1] * 30 for _ in range(9)], [1] * 4
    costs = rerank_cost(9, 5, 4, 30)
    index = torch.stack([model(d) for d in documents])
    assert len(read) == costs["bi"]["before"] == costs["rerank"]["before"]
    read.clear()
    _, shortlist = bi_encoder_search(model(query).unsqueeze(0), index, 5)
    assert (len(read), sum(read)) == (costs["bi"]["passes"], costs["bi"]["tokens"])
    for i in shortlist[0].tolist():
        model(query, documents[i])
    assert (len(read), sum(read)) == (costs["rerank"]["passes"], costs["rerank"]["tokens"])
    read.clear()
    for document in documents:
        model(query, document)
    assert (len(read), sum(read)) == (costs["cross"]["passes"], costs["cross"]["tokens"])
