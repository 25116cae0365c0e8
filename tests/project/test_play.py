"""The workbook that tests play in: nothing done in it outlives a test, and the checkout is never touched."""

import os
import shutil

from tests.conftest import ROOT, Lasting, tree


def test_what_a_test_does_in_a_copy_is_undone_and_the_checkout_is_not_touched(tmp_path):
    checkout = tree(ROOT)
    copy = Lasting(tmp_path)
    root = copy.play.root
    before = tree(root)
    copy.play.solve("dot")
    (root / "grader/book/verdict.py").write_text("broken = 1\n")
    (root / "grader/learn/attempts.py").unlink()
    shutil.rmtree(root / "content/ch06_numerics")
    (root / "reference/ch06_numerics/softmax.py").chmod(0o600)
    facts = root / "content/facts.toml"
    facts.write_bytes(bytes(reversed(facts.read_bytes())))  # as long as before
    (root / "exercises/ch01_tensors/dot.py~").write_text("mine")
    (root / "new/folder").mkdir(parents=True)
    (root / "new/folder/file").write_text("mine")
    (root / ".koans").symlink_to("/nowhere")
    (root / "pyproject.toml").unlink()
    (root / "pyproject.toml").symlink_to(ROOT / "pyproject.toml")
    assert tree(ROOT) == checkout
    copy.restore()
    assert tree(root) == before
    assert sorted(os.listdir(root)) == [
        "conftest.py",
        "content",
        "exercises",
        "grader",
        "pyproject.toml",
        "reference",
        "solutions",
    ]
    assert not [name for name in before if (root / name).samefile(ROOT / name)]
    assert tree(ROOT) == checkout
