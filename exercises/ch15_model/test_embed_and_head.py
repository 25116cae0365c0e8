"""The same table as embedding and as head."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch15_model.embed_and_head import embed, head, table_gradient
from grader.checks import agrees, exact, randn, seeded, signal, strided
from reference.ch15_model.embed_and_head import embed as embed_oracle
from reference.ch15_model.embed_and_head import head as head_oracle
from reference.ch15_model.embed_and_head import table_gradient as gradient_oracle

DTYPES = [torch.float16, torch.bfloat16, torch.float32]
TABLE = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])


def tokens(b, n, vocabulary, seed):
    return torch.randint(vocabulary, (b, n), generator=seeded(seed))


def gradients(b, n, d, v, seed, dtype=torch.float32):
    """Ids and the three tensors from which the gradient of the table follows."""
    shapes = [(b, n, d), (b, n, d), (b, n, v)]
    return tokens(b, n, v, seed), *(randn(*s, dtype=dtype, seed=seed + i) for i, s in enumerate(shapes, start=1))


@pytest.mark.card("embedding-row-lookup")
def test_three_rows_by_hand():
    gives = [[[5.0, 6.0], [1.0, 2.0], [5.0, 6.0]]]
    exact(embed, torch.tensor([[2, 0, 2]]), TABLE, with_=embed_oracle, gives=gives)


@pytest.mark.card("embedding-row-lookup")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_each_id_gets_its_row_to_the_bit(dtype, seed):
    exact(embed, tokens(3, 5, 11, seed), randn(11, 6, dtype=dtype, seed=seed), with_=embed_oracle)


def test_an_embedding_reads_any_strides(seed):
    exact(embed, strided(tokens(2, 4, 7, seed)), strided(randn(7, 3, seed=seed)), with_=embed_oracle)


@settings(max_examples=10)
@given(st.integers(0, 3), st.integers(0, 5), st.integers(1, 9), st.integers(1, 5), st.integers(0, 99))
def test_any_ids(b, n, v, d, seed):
    exact(embed, tokens(b, n, v, seed), randn(v, d, seed=seed), with_=embed_oracle)


@pytest.mark.card("embedding-row-lookup")
def test_three_logits_by_hand():
    agrees(head, torch.tensor([[[1.0, 1.0]]]), TABLE, with_=head_oracle, gives=[[[3.0, 7.0, 11.0]]])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", ["ordinary", "large", "uneven"])
def test_hidden_states_of_every_size(kind, dtype, seed):
    x = signal(kind, 2, 3, 24, dtype=dtype, seed=seed)
    agrees(head, x, randn(10, 24, dtype=dtype, seed=seed + 1), with_=head_oracle)


def test_a_table_with_as_many_rows_as_columns(seed):
    agrees(head, randn(2, 3, 6, seed=seed), randn(6, 6, seed=seed + 1), with_=head_oracle)


def test_logits_have_the_dtype_of_x_whatever_the_table_has(seed):
    x, table = randn(2, 3, 16, seed=seed), randn(7, 16, seed=seed + 1)
    agrees(head, x.bfloat16(), table, with_=head_oracle)
    agrees(head, x, table.bfloat16(), with_=head_oracle)


def test_a_head_reads_any_strides(seed):
    agrees(head, strided(randn(2, 3, 5, seed=seed)), strided(randn(7, 5, seed=seed + 1)), with_=head_oracle)


@settings(max_examples=6)
@given(st.integers(1, 3), st.integers(0, 4), st.integers(1, 9), st.integers(1, 6))
def test_any_head(b, n, v, d):
    agrees(head, randn(b, n, d), randn(v, d, seed=1), with_=head_oracle)


@pytest.mark.card("tied-table-two-gradients")
def test_both_uses_of_one_table_by_hand():
    ids, d_embed = torch.tensor([[0, 0]]), torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    x, d_logits = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]]), torch.tensor([[[5.0, 0.0, 6.0], [0.0, 7.0, 0.0]]])
    gives = [[9.0, 6.0], [0.0, 7.0], [6.0, 0.0]]
    agrees(table_gradient, ids, d_embed, x, d_logits, with_=gradient_oracle, gives=gives)


@pytest.mark.card("tied-table-two-gradients")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_gradients_add_up_over_all_positions(dtype, seed):
    agrees(table_gradient, *gradients(4, 20, 6, 9, seed, dtype), with_=gradient_oracle)


@pytest.mark.card("tied-table-two-gradients")
def test_rows_of_an_id_that_occurs_several_times_add_up(seed):
    ids, *parts = gradients(2, 8, 3, 5, seed)
    agrees(table_gradient, ids.clamp(max=1), *parts, with_=gradient_oracle)
    agrees(table_gradient, torch.full_like(ids, 4), *parts, with_=gradient_oracle)


def test_a_row_that_no_id_chose_still_gets_the_head_s_gradient(seed):
    ids, d_embed, x, d_logits = gradients(1, 3, 4, 12, seed)
    agrees(table_gradient, ids.clamp(max=2), d_embed, x, d_logits, with_=gradient_oracle)


def test_the_gradient_has_the_dtype_of_x_whatever_the_others_have(seed):
    ids, d_embed, x, d_logits = gradients(2, 6, 4, 5, seed)
    low = [t.bfloat16() for t in (d_embed, x, d_logits)]
    agrees(table_gradient, ids, d_embed, low[1], d_logits, with_=gradient_oracle)
    agrees(table_gradient, ids, low[0], x, low[2], with_=gradient_oracle)


def test_a_gradient_reads_any_strides(seed):
    agrees(table_gradient, *map(strided, gradients(2, 4, 3, 5, seed)), with_=gradient_oracle)


@settings(max_examples=6)
@given(st.integers(1, 3), st.integers(1, 5), st.integers(1, 5), st.integers(1, 7), st.integers(0, 99))
def test_any_gradient(b, n, d, v, seed):
    agrees(table_gradient, *gradients(b, n, d, v, seed), with_=gradient_oracle)
