"""What students see of an assignment's seed is a digest, and nothing in a verdict's texts holds the seed itself."""

import json
import zlib

from grader.course import seeds

SEED = 1_987_654_321
WRONG = {
    "causal_mask": "def causal_mask(n_q, n_k):\n    print(n_q)\n    raise ValueError(f'{n_q} and {n_k}')\n",
    "scores": "def scores(q, k):\n    print(q, k)\n    return q @ k.mT\n",
    "exp_overflow": "def exp_overflow(*args):\n    return args\n",
}


def test_a_digest_is_short_and_stays_the_same():
    assert seeds.digest(0) == "898a"
    assert seeds.digest(SEED) == "e8a7"


def test_many_seeds_share_a_digest():
    """Four digits are 65,536 digests, also for small seeds."""
    assert all(len(seeds.digest(seed)) == 4 for seed in (0, 1, 2**31 - 1))
    assert 16**seeds.DIGITS * 10_000 < 2**31


def test_a_drawn_seed_cannot_be_found_by_trying_and_differs_each_time():
    drawn = {seeds.draw() for _ in range(20)}
    assert len(drawn) == 20
    assert all(2**31 <= seed < 2**53 for seed in drawn)


def test_no_text_of_a_verdict_holds_the_seed(small, tmp_path):
    for koan in small.workbook.koans.values():
        file = tmp_path / "ada/exercises" / f"{koan.id}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(WRONG[koan.name])
    run = small.says("grade", str(tmp_path / "ada"), "--seed", str(SEED), "--format", "json-full=-")
    found = json.loads(run.stdout)
    for graded in found["koans"]:
        verdict = graded["verdict"]
        assert verdict["status"] == "failed"
        assert verdict.pop("seed") == 0
        shown = json.dumps(verdict)
        chapter, _, name = verdict["koan"].partition("/")
        for test in verdict["tests"]:
            of_test = (
                SEED * 1_000_003 + zlib.crc32(f"exercises/{chapter}/test_{name}.py::{test['name']}".encode())
            ) % 2**31
            assert str(of_test) not in shown
        assert str(SEED) not in shown
