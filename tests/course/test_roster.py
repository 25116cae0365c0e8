"""Rosters are read as instructors have them: from spreadsheets and platforms, in several encodings."""

from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.book.errors import KoansError
from grader.course.intake import roster
from grader.course.intake.roster import RosterRow
from tests.fuzz.fuzzer import within

FILE = Path("/class/roster.csv")


def parsed(text, encoding="utf-8"):
    return roster.parse(text.encode(encoding), FILE)


def rows(text, encoding="utf-8"):
    return [(r.name, r.id, str(r.path.relative_to("/class")) if r.path else None) for r in parsed(text, encoding).rows]


def error(data):
    with pytest.raises(KoansError) as caught:
        roster.parse(data if isinstance(data, bytes) else data.encode(), FILE)
    return str(caught.value)


BOTH = [("Ada L.", "7", "forks/ada"), ("Bob", "8", "forks/bob")]


@pytest.mark.parametrize(
    "text",
    [
        "name,id,path\nAda L.,7,forks/ada\nBob,8,forks/bob\n",
        "name;id;path\nAda L.;7;forks/ada\nBob;8;forks/bob",
        "name\tid\tpath\nAda L.\t7\tforks/ada\nBob\t8\tforks/bob\n",
        "name,id,path\r\nAda L.,7,forks/ada\r\nBob,8,forks/bob\r\n",
        "sep=;\r\nname;id;path\r\nAda L.;7;forks/ada\r\nBob;8;forks/bob\r\n",
        ' Student , Student ID , Repository \n "Ada L." ,7,forks/ada\nBob, 8 ,forks/bob\n'.replace(
            ' "Ada L." ', "Ada L."
        ),
        '"NAME","ID","PATH"\n"Ada L.","7","forks/ada"\n"Bob","8","forks/bob"\n',
        '"a; b","name","id","path"\n1,Ada L.,7,forks/ada\n2,Bob,8,forks/bob\n',
        "\n\nname,id,path,,\nAda L.,7,forks/ada,,\n,,,,\nBob,8,forks/bob,,\n,,,,\n\n",
        "path,id,first name,last_name\nforks/ada,7,Ada,L.\nforks/bob,8,Bob\n",
    ],
)
def test_separators_line_ends_headers_and_empty_cells_may_be_of_any_kind(text):
    assert rows(text) == BOTH
    assert parsed(text).notes == ()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_unicode_is_recognized(encoding):
    assert rows("name,path\nZoë,a\n", encoding) == [("Zoë", "", "a")]
    assert parsed("name,path\nZoë,a\n", encoding).notes == ()


def test_a_file_of_an_old_windows_is_read_and_a_note_says_so():
    assert rows("name,path\nZoë,a\n", "cp1252") == [("Zoë", "", "a")]
    assert parsed("name,path\nZoë,a\n", "cp1252").notes == (
        f"{FILE} is not UTF-8 and was read as Windows-1252: check the names in it",
    )


def test_a_cell_may_have_line_breaks_and_a_row_knows_its_first_line():
    found = parsed('name,path\n"Ada\nLovelace",a\n\nBob,b\n').rows
    assert [(r.name, r.line) for r in found] == [("Ada\nLovelace", 2), ("Bob", 5)]


def test_without_a_name_the_id_or_the_path_is_the_name():
    assert rows("login,path\nada,a/b\n,c/d\n") == [("ada", "ada", "a/b"), ("d", "", "c/d")]


def test_further_ids_are_kept():
    assert parsed("name,email,id,login\nAda,a@x.org,7,ada\nBob,,8,8\n").rows == (
        RosterRow("Ada", "7", None, "", 2, ("ada", "a@x.org")),
        RosterRow("Bob", "8", None, "", 3, ()),
    )


def test_a_student_without_a_path_is_a_row_and_a_line():
    found = parsed("name,path\nAda,a\nBob,\n")
    assert (found.has_paths, found.rows[1]) == (True, RosterRow("Bob", "", None, "", 3))
    assert found.notes == (f"{FILE}:3: Bob has no path, so nothing was handed in",)


def test_paths_are_relative_to_the_roster_and_may_lead_elsewhere():
    found = parsed("name,path\nAda,../x\nBob,/y/z\n").rows
    assert [str(r.path) for r in found] == ["/class/../x", "/y/z"]


def test_what_is_there_twice_is_told():
    assert parsed("name,id,path\nAda,7,a\nBob,7,b\nAda,8,b\n").notes == (
        f"{FILE}:3: line 2 has the same id (7)",
        f"{FILE}:4: line 2 has the same name (Ada)",
        f"{FILE}:4: line 3 has the same path (/class/b)",
    )


@pytest.mark.parametrize(
    "time, iso",
    [
        ("2026-11-20T10:11:12Z", "2026-11-20T10:11:12+00:00"),
        ("2026-11-20 10:11", "2026-11-20T10:11:00"),
        ("2026-11-20 10:11:12 -0800", "2026-11-20T10:11:12-08:00"),
        ("20.11.2026 10:11", "2026-11-20T10:11:00"),
        ("Friday, 20 November 2026, 10:11 PM", "2026-11-20T22:11:00"),
        ("-", ""),
        ("", ""),
    ],
)
def test_times_are_understood(time, iso):
    found = parsed(f'name,handed in\nAda,"{time}"\n')
    assert (found.rows[0].handed_in, found.notes) == (iso, ())


def test_a_time_that_could_be_two_days_is_not_guessed():
    found = parsed("name,submitted\nAda,11/12/2026 10:11\n")
    assert found.rows[0].handed_in == ""
    assert found.notes == (
        f"{FILE}:2: '11/12/2026 10:11' is not a time that koans can read; write it as in 2026-11-20 10:11",
    )


@pytest.mark.parametrize("form", roster.TIME_FORMATS)
def test_every_format_of_a_time_takes_what_it_writes(form):
    for time in (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)):
        [row] = parsed(f'name,time\nAda,"{time.strftime(form).upper()}"\n').rows
        assert row.handed_in == datetime.strptime(time.strftime(form), form).isoformat()


def test_many_times_that_no_format_fits_take_seconds():
    text = "name,time\n" + "".join(f"a{i},99.99.2026 {i}:11\n" for i in range(roster.MOST_ROWS))
    with within(10):
        found = parsed(text)
    assert len(found.rows) == roster.MOST_ROWS and not any(row.handed_in for row in found.rows)


def test_the_gradebook_of_canvas_is_a_roster():
    text = (
        "Student,ID,SIS User ID,SIS Login ID,Section,hw (12)\n,,,,,Manual Posting\n    Points Possible,,,,,5\n"
        '"Lovelace, Ada",12345,S7,ada,A,\n"Student, Test",99,,,A,\n'
    )
    found = parsed(text)
    assert found.rows == (RosterRow("Lovelace, Ada", "12345", None, "", 4, ("S7", "ada")),)
    assert found.has_paths is False


def test_the_grading_worksheet_of_moodle_is_a_roster():
    text = (
        'Identifier,"Full name","ID number","Email address",Status,Grade,"Last modified (submission)"\n'
        '"Participant 123","Ada Lovelace",S7,ada@x.org,Submitted,,"Friday, 20 November 2026, 10:11 AM"\n'
        '"Participant 124",Bob,S8,bob@x.org,"No submission",,-\n'
    )
    found = parsed(text)
    assert found.rows == (
        RosterRow("Ada Lovelace", "123", None, "2026-11-20T10:11:00", 2, ("S7", "ada@x.org")),
        RosterRow("Bob", "124", None, "", 3, ("S8", "bob@x.org")),
    )
    assert found.notes == ()


def test_a_roster_may_say_why_a_students_work_cannot_be_graded():
    told = parsed("student,path,problem\nAda,ada,\nBen,ben,its job ended early\nCyd,,could not be\x1b cloned\nDan,,\n")
    assert [(row.name, row.path and row.path.name, row.problem) for row in told.rows] == [
        ("Ada", "ada", ""),
        ("Ben", None, "its job ended early"),
        ("Cyd", None, "could not be\\x1b cloned"),
        ("Dan", None, ""),
    ]
    assert [note for note in told.notes if "has no path" in note] == [
        f"{FILE}:5: Dan has no path, so nothing was handed in"
    ]


def test_a_path_with_a_null_character_is_a_problem_of_its_row_only():
    problem = "line 2 of roster.csv: the path has a null character"
    assert parsed("name,path\nAda,a\0b\nBob,c\n").rows == (
        RosterRow("Ada", "", None, "", 2, (), problem),
        RosterRow("Bob", "", Path("/class/c"), "", 3),
    )


@pytest.mark.parametrize(
    "data, says",
    [
        ("", "/class/roster.csv:1: a roster needs a column called path or folder"),
        ("score,points\n1,2\n", "/class/roster.csv:1: a roster needs a column called path or folder"),
        ('name,path\n"Ada,a\nBob,b\n', "/class/roster.csv:2: cannot be read as CSV (unexpected end of data)"),
        (b"\xff\xfea", "/class/roster.csv: is not text (truncated data)"),
        (b"PK\3\4\x14\0\0\0\x81\xff", "/class/roster.csv: is not text (invalid start byte)"),
        ("name,path\n" + "x" * 140_000 + ",a\n", "/class/roster.csv:2: cannot be read as CSV (field larger than"),
        ("name" + ",x" * 2000 + "\n", "/class/roster.csv:1: a roster has at most 2,000 columns"),
        ("sep=|\nname|path\n", "/class/roster.csv:1: a roster's cells are separated by commas, semicolons or tabs"),
        ("name\n" + "x\n" * 100_001, "/class/roster.csv:100002: a roster has at most 100,000 rows"),
    ],
)
def test_what_cannot_be_meant_is_one_line_with_file_and_line(data, says):
    assert error(data).startswith(says)
    assert "\n" not in error(data)


def test_files_that_cannot_be_read_are_one_line(tmp_path):
    for name, says in (("none.csv", "cannot be read (no such file"), (".", "cannot be read (it is a folder")):
        with pytest.raises(KoansError, match=says.replace("(", "\\(")):
            roster.read(tmp_path / name)
    (tmp_path / "large.csv").write_bytes(b"name\n" + bytes(17 << 20))
    with pytest.raises(KoansError, match="more than 16 MiB"):
        roster.read(tmp_path / "large.csv")
    (tmp_path / "good.csv").write_text("name,path\nAda,a\n")
    assert roster.read(tmp_path / "good.csv").rows[0].path == tmp_path / "a"


def test_many_notes_are_cut_short():
    notes = parsed("name,path\n" + "Ada,\n" * 500).notes
    assert len(notes) == 21
    assert notes[-1].endswith("and 979 more lines like these")


class Work(NamedTuple):
    name: str
    student: str = ""


def matched(text, *works):
    return [(row.name, work and works.index(work)) for row, work in roster.match(parsed(text).rows, works)]


def test_ids_decide_whose_work_it_is_and_names_only_where_they_are_unique():
    text = 'name,id,login\nAda,7,ada\nAda,8,a2\nBob,9,\n"Lovelace, Zoë",,\nCyd,5,\n'
    works = Work("Ada", "8"), Work("someone", "ADA"), Work("bob"), Work("lovelacezoë", "333"), Work("x", "")
    assert matched(text, *works) == [("Ada", 1), ("Ada", 0), ("Bob", 2), ("Lovelace, Zoë", 3), ("Cyd", None)]
    assert [row.name for row in roster.missing(parsed(text).rows, works)] == ["Cyd"]


def test_a_student_with_several_works_is_not_missing_and_of_two_namesakes_with_one_work_both_are_named():
    works = Work("a", "7"), Work("b", "7"), Work("Bob"), Work("bob"), Work("Cyd")
    found = roster.missing(parsed("name,id\nAda,7\nBob,\nCyd,\nCyd,\nDan,\n").rows, works)
    assert [row.line for row in found] == [4, 5, 6]


def test_a_name_or_id_of_two_is_never_guessed():
    assert matched("name\nAda\nAda\n", Work("Ada")) == [("Ada", None), ("Ada", None)]
    assert matched("name\nAda\n", Work("Ada"), Work("ada")) == [("Ada", None)]
    assert matched("id\n7\n", Work("x", "7"), Work("y", "7")) == [("7", None)]


@pytest.mark.parametrize("written", ["Ada Lovelace", "lovelace ada", "Lovelace, Ada", "lovelaceada", "ADA LOVELACE"])
def test_a_name_is_known_in_each_order(written):
    assert matched("name\nAda Lovelace\n", Work(written)) == [("Ada Lovelace", 0)]
    assert matched('name\n"Lovelace, Ada"\n', Work(written)) == [("Lovelace, Ada", 0)]


CELLS = st.sampled_from(
    ["name", "path", "id", "time", "Ada", "", " ", '"', "\n", ",", ";", "\t", "\r", "\0", "-1", "é"]
)
texts = st.lists(CELLS, max_size=30).map("".join)


@given((texts | st.text()).map(lambda t: t.encode("utf-8", "surrogatepass")) | st.binary())
def test_every_file_is_a_roster_or_one_line(data):
    try:
        found, says = roster.parse(data, FILE).rows, f"{FILE}"
    except KoansError as caught:
        found, says = (), str(caught)
    assert says.startswith(str(FILE)) and "\n" not in says
    assert all(row.name and row.line >= 2 for row in found)


@given(
    st.lists(
        st.tuples(st.sampled_from(["Ada", "Bob", "ada b", "B, Ada"]), st.sampled_from(["", "1", "2"])), max_size=5
    ),
    st.data(),
)
def test_no_work_belongs_to_two_rows(students, data):
    table = [RosterRow(name, number, None, "", i) for i, (name, number) in enumerate(students, 2)]
    works = (
        [Work(*data.draw(st.sampled_from(students))) for _ in range(data.draw(st.integers(0, 4)))] if students else []
    )
    pairs = roster.match(table, works)
    assert [row for row, _ in pairs] == table
    assert len([w for _, w in pairs if w]) <= len(works)
