"""The names in a folder tell whose the files are only if all of them are one platform's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.course.intake.lms_download import bare, doubt, download, group
from grader.course.intake.lms_names import gradescope
from grader.course.intake.tree import Entry
from tests.course.test_lms_names import odd

CANVAS = ["lovelaceada_12345_678_hw.zip", "bob_777_679_hw.zip"]
TIME = "attempt_2026-11-20-10-11-12"


def entries(*names):
    """A name without a suffix is a folder's."""
    return [Entry(name, "file" if "." in name else "folder") for name in names]


def groups(*names, users=None):
    found = download(entries(*names))
    return group(found, users or {}) if found else []


def grouped(*names, users=None):
    return [(g.learner, g.student, [handed.file for _, handed in g.files]) for g in groups(*names, users=users)]


def students(*names, users=None):
    return [(g.learner, g.student) for g in groups(*names, users=users)]


@pytest.mark.parametrize(
    "names",
    [
        CANVAS,
        ["lovelaceada_LATE_12345_678_hw.zip", "bob_777_text.html", "bob_777_680_b-1.ipynb", "cyd_9_681_scores.py"],
        [bare(name) for name in CANVAS],  # unpacked, and the archives thrown away
        [*CANVAS, *map(bare, CANVAS)],  # unpacked beside the archives
        ["anon_jv2Ez_678_hw.py", "LATE_anon_12345_679_hw.py"],
        [
            "Ada Lovelace_123_assignsubmission_file",
            "Bob_124_assignsubmission_onlinetext",
            "Bob_124_assignsubmission_file_",
        ],
        ["Participant_123_assignsubmission_file_hw.zip", "Participant_124_assignsubmission_file_9_1001_x.zip"],
        [f"K 1_ada_{TIME}_hw.zip", f"K 1_ada_{TIME}.txt", f"K 1_bob_{TIME}_hw.zip"],
        [f"hw_2026_101_ada_{TIME}_hw.zip", f"hw_2026_101_bob_{TIME}_hw.zip"],
        ["1-2 - Ada - Nov 20, 2026 1011 AM", "3-2 - Bob - Nov 20, 2026 1012 AM"],
        ["submission_1", "submission_2"],
    ],
    ids=lambda names: names[0],
)
def test_a_folder_in_which_all_is_one_platforms_is_its_download(names):
    found = download(entries(*names))
    assert found is not None and found.several
    assert list(found.handed) == names


@pytest.mark.parametrize("extra", ["index.html", "README.md", "grades.csv", "scores.py", "submission_metadata.yml"])
def test_a_file_that_can_be_no_submission_does_not_count_against_a_download(extra):
    found = download(entries(*CANVAS, extra))
    assert found is not None and list(found.handed) == CANVAS


@pytest.mark.parametrize(
    "others, looks",
    [
        (["ada", "bob"], "2 of 4 names look like a download of Canvas (bob_777_679_hw, lovelaceada_12345_678_hw)"),
        (["ada.ipynb"], "2 of 3 names look like a download of Canvas (bob_777_679_hw, lovelaceada_12345_678_hw)"),
        (
            ["Ada_1_assignsubmission_file"],
            "3 of 3 names look like a download of Canvas or Moodle (Ada_1_assignsubmission_file, bob_777_679_hw and 1 more)",
        ),
    ],
)
def test_a_folder_that_holds_something_else_is_no_download_and_a_line_says_so(others, looks):
    found = entries(*sorted([*map(bare, CANVAS), *others]))
    assert download(found) is None
    assert doubt(found) == (
        f"{looks}, but they come from more than one platform: all count as plain names, without ids; "
        "put the download in a separate folder, or give a roster"
    )


def test_a_fork_beside_a_platforms_archives_makes_the_folder_no_download():
    found = entries(*CANVAS, "lovelaceada_12345_9999_hw")
    assert download(found) is None
    assert "but there are folders among the archives: all count as plain names" in doubt(found)


def test_nothing_is_said_about_a_folder_without_such_names():
    assert doubt(entries("ada", "hw_1_2_solution.ipynb", "notes.txt")) == ""


@pytest.mark.parametrize(
    "name, learner, student",
    [
        ("lovelaceada_12345_678_hw", "lovelaceada", "12345"),
        ("Ada_12345_assignsubmission_file", "Ada", "12345"),
        (f"K_ada_{TIME}_hw", f"K_ada_{TIME}_hw", "ada"),
        ("12345-678 - Ada - Nov 20, 2026 1011 AM", "Ada", "12345"),
        ("_12345_678_hw.zip", "_12345_678_hw", "12345"),
    ],
)
def test_an_id_that_only_one_learners_name_tells_is_not_used(name, learner, student):
    [only] = groups(name)
    assert (only.learner, only.student) == (learner, "")
    assert only.notes == (
        f"the id {student} is only in the name, and there is no work of another learner to compare: not used; "
        "a roster with student, path and id can name the owner",
    )


@pytest.mark.parametrize(
    "names, learners",
    [
        (
            ["lovelaceada_12345_678_hw.zip", "evil_12345_679_hw.zip", "bob_777_680_hw.zip"],
            [("lovelaceada", ""), ("evil", ""), ("bob", "777")],
        ),
        (
            ["anon_12345_678_hw.zip", "lovelaceada_12345_679_hw.zip", "bob_777_680_hw.zip"],
            [("anon_12345", ""), ("lovelaceada", ""), ("bob", "777")],
        ),
        (
            [
                "Ada Lovelace_123_assignsubmission_file",
                "Bob_123_assignsubmission_file",
                "Cyd_124_assignsubmission_file",
            ],
            [("Ada Lovelace", ""), ("Bob", ""), ("Cyd", "124")],
        ),
        (
            ["1-2 - Ada - Nov 20, 2026 1011 AM", "1-3 - Bob - Nov 20, 2026 1012 AM"],
            [("Ada", ""), ("Bob", "")],
        ),
    ],
    ids=["Canvas", "anonymous", "Moodle", "Brightspace"],
)
def test_an_id_with_several_names_is_nobodys_and_each_name_has_its_own_row(names, learners):
    assert students(*names) == learners
    both = ", ".join(name for name, student in learners if not student)
    notes = [one.notes for one in groups(*names)]
    ids = {"Canvas": "12345", "Moodle": "123", "Brightspace": "1"}
    note = f"the id {ids[groups(*names)[0].platform]} appears with several names ({both}): it was not used"
    assert notes == [() if student else (note,) for _, student in learners]


def test_an_id_with_several_names_in_gradescopes_metadata_is_nobodys():
    told = gradescope(
        "a:\nsubmission_1:\n  :submitters:\n  - :name: Ada\n    :sid: S1\n  - :name: Bob\n    :sid: S2\n"
        "submission_2:\n  :submitters:\n  - :name: Mal\n    :sid: s1\n"
    )
    found = group(download(entries("submission_1", "submission_2")), teams=told)
    assert [(g.learner, g.student, g.team) for g in found] == [
        ("Ada", "", "submission_1"),
        ("Bob", "S2", "submission_1"),
        ("Mal", "", ""),
    ]
    assert found[2].notes == ("the id s1 appears with several names (Ada, Mal): it was not used",)


def test_short_ids_of_a_new_canvas_are_understood_if_the_whole_folder_has_them():
    names = ["ada_42_1234_hw.zip", "bob_7_99_hw.zip", "cyd_123_45_dot.py", "cyd_123_46_matmul.py"]
    assert grouped(*names) == [
        ("ada", "42", ["hw.zip"]),
        ("bob", "7", ["hw.zip"]),
        ("cyd", "123", ["dot.py", "matmul.py"]),
    ]
    assert groups("ada_42_1234_hw.zip", "bob_7_99_1_hw.zip")[1].student == ""  # it may be user 99's, called bob_7


def test_the_files_of_one_learner_are_joined_and_the_newest_of_an_upload_comes_last():
    names = ["lovelaceada_7_1005_hw-2.py", "bob_8_1001_hw.py", "lovelaceada_7_999_hw.py", "lovelaceada_7_1004_b.py"]
    assert grouped(*names) == [("lovelaceada", "7", ["hw.py", "b.py", "hw-2.py"]), ("bob", "8", ["hw.py"])]
    assert [g.notes for g in groups(*names)] == [("hw-2.py was handed in 2 times: the newest file counts",), ()]


def test_the_latest_attempt_gives_the_time_and_one_late_file_makes_the_work_late():
    attempts = [f"HW_ada_attempt_2026-11-{day}-10-11-12_hw.py" for day in (21, 20)]
    ada, _ = groups(*attempts, f"HW_bob_{TIME}_hw.py")
    assert [name for name, _ in ada.files] == attempts[::-1]
    assert ada.handed_in == "2026-11-21T10:11:12"
    assert ada.notes == ("hw.py was handed in 2 times: the newest file counts",)
    assert [g.late for g in groups("ada_7_1001_a.py", "ada_LATE_7_1002_b.py", "bob_8_1003_a.py")] == [True, False]


def test_two_learners_with_one_name_are_told_apart_by_their_ids():
    assert students("smithjo_7_1001_hw.py", "smithjo_8_1002_hw.py") == [("smithjo", "7"), ("smithjo", "8")]
    for name in ("Jo Smith", "Participant"):
        found = students(f"{name}_7_assignsubmission_file_/a.py", f"{name}_8_assignsubmission_file_/a.py")
        assert [student for _, student in found] == ["7", "8"]


def test_a_learner_called_like_another_with_their_id_is_joined_to_nobody():
    names = ["bob_8_1001_hw.py", "bob_8_999_1002_hw.py", "bob_8_998_1003_hw.py"]
    assert students(*names) == [("bob", "8"), (names[1], ""), (names[2], "")]
    for one in groups(*names)[1:]:
        assert one.notes == ("the owner is unknown: the file's name has more than two numbers that may be ids",)


# Blackboard

K1 = [f"K 1_x_ada_{TIME}_hw.zip", f"K 1_bob_{TIME}_hw.zip", f"K 1_john_smith_{TIME}_hw.zip"]
K_1 = [f"K_1_x_ada_{TIME}_hw.zip", f"K_1_bob_{TIME}_hw.zip"]


def test_user_names_with_underscores_follow_the_only_name_that_the_assignment_can_have():
    assert students(*K1) == [(user, user) for user in ("x_ada", "bob", "john_smith")]


def test_where_the_assignments_name_ends_is_told_by_a_file_of_blackboard():
    assert students(*K_1, users={"K_1_x_ada": "x_ada"}) == [("x_ada", "x_ada"), ("bob", "bob")]
    assert students(*K_1, users={"K_1_bob": "1_bob"}) == [("1_x_ada", "1_x_ada"), ("1_bob", "1_bob")]


@pytest.mark.parametrize("users", [{}, {"K_1_x_ada": "mal"}, {"K_1_x_ada": ""}, {"K_9_x_ada": "ada"}])
def test_a_user_name_that_nothing_tells_for_certain_is_no_id(users):
    assert students(*K_1, users=users) == [("K_1_x_ada", ""), ("K_1_bob", "")]
    for one in groups(*K_1, users=users):
        assert one.notes == (
            "its name does not show which part is the user name, so it has no id: keep Blackboard's .txt files",
        )


def test_downloads_of_two_assignments_in_one_folder_need_blackboards_files():
    names = [f"K1_ada_{TIME}_hw.zip", f"L2_ada_{TIME}_hw.zip", f"L2_bob_{TIME}_hw.zip"]
    assert students(*names) == [("K1_ada", ""), ("L2_ada", ""), ("L2_bob", "")]
    told = {"K1_ada": "ada", "L2_ada": "ada"}
    assert students(*names, users=told) == [("ada", "ada"), ("ada", "ada"), ("L2_bob", "")]


# All names


@given(st.lists(odd, max_size=6))
def test_every_name_of_a_download_is_in_one_group_and_no_group_has_two_owners(names):
    found = download([Entry(name, "file") for name in dict.fromkeys(names)])
    files = [(name, handed) for g in (group(found) if found else []) for name, handed in g.files]
    assert sorted(name for name, _ in files) == sorted(found.handed if found else ())
    for g in group(found) if found else []:
        assert len({(handed.owner, handed.learner) for _, handed in g.files}) == 1


@given(st.sets(st.tuples(st.sampled_from("ab"), st.integers(0, 30)), max_size=6), st.sampled_from(["Canvas", "Moodle"]))
def test_learners_with_different_ids_are_never_joined_and_one_id_never_has_two_names(learners, platform):
    form = "{}_{}_1234_hw.py" if platform == "Canvas" else "{}_{}_assignsubmission_file_/hw.py"
    found = groups(*(form.format(name, number) for name, number in sorted(learners)))
    assert len(found) == len(learners)
    known = [g.student for g in found if g.student]
    assert len(known) == len(set(known))
    assert all(g.platform == platform for g in found)
