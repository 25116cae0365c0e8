"""Archives are read as trees: what is odd is named, what is hostile is refused, and nothing leaves the archive."""

import bz2
import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import tracemalloc
import zipfile
import zlib

import pytest

from grader.course.intake.archive_tree import (
    MOST_AT_TOP,
    MOST_BYTES,
    MOST_FILES,
    MOST_IN_FOLDER,
    MOST_KEPT,
    is_archive,
    open_archive,
    open_part,
    outline,
)
from grader.course.intake.tree import Entry, Unreadable

FILE = "exercises/ch06_numerics/softmax.py"
PARTS = tuple(FILE.split("/"))
LARGEST = 256 << 10


def zipped(*files, compression=zipfile.ZIP_DEFLATED, comment=b""):
    """A zip file of pairs of name (or ZipInfo) and bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, data in files:
            archive.writestr(name, data)
        archive.comment = comment
    return out.getvalue()


def tarred(*files, mode="w", form=tarfile.PAX_FORMAT):
    """A tar file of pairs of name (or TarInfo) and bytes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=form) as archive:
        for name, data in files:
            member = tarfile.TarInfo(name) if isinstance(name, str) else name
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def zip_entry(name, mode=0):
    entry = zipfile.ZipInfo()
    entry.filename = name  # the constructor changes odd names
    entry.external_attr = mode << 16
    return entry


def tar_entry(name, kind, target=""):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def refusal(data, name="hw.zip"):
    with pytest.raises(Unreadable) as error:
        open_archive(data, name)
    return str(error.value)


def unreadable(tree, path=PARTS, largest=LARGEST):
    with pytest.raises(Unreadable) as error:
        tree.read(path, largest)
    return str(error.value)


ORDINARY = {
    "hw.zip": lambda *files: zipped(*files),
    "stored.zip": lambda *files: zipped(*files, compression=zipfile.ZIP_STORED),
    "hw.tar": lambda *files: tarred(*files),
    "old.tar": lambda *files: tarred(*files, form=tarfile.USTAR_FORMAT),
    "gnu.tar": lambda *files: tarred(*files, form=tarfile.GNU_FORMAT),
    "hw.tgz": lambda *files: tarred(*files, mode="w:gz"),
    "hw.tar.gz": lambda *files: tarred(*files, mode="w:gz"),
    "hw.tar.bz2": lambda *files: tarred(*files, mode="w:bz2"),
    "hw.tar.xz": lambda *files: tarred(*files, mode="w:xz"),
}
in_each_format = pytest.mark.parametrize("name", ORDINARY)


@in_each_format
def test_an_archive_lists_and_reads_its_files(name):
    assert is_archive(name)
    tree = open_archive(ORDINARY[name]((FILE, b"x = 1\n"), ("exercises/README.md", b"hello")), name)
    assert tree.entries() == [Entry("exercises", "folder")]
    assert tree.entries(("exercises",)) == [Entry("README.md", "file", 5), Entry("ch06_numerics", "folder")]
    assert tree.entries(PARTS[:2]) == [Entry("softmax.py", "file", 6)]
    assert tree.read(PARTS, LARGEST) == b"x = 1\n"
    assert tree.notes == ()
    assert (tree.kind_at(PARTS), tree.kind_at(PARTS[:2]), tree.kind_at(("x",))) == ("file", "folder", None)


@in_each_format
def test_what_is_missing_or_of_another_kind_is_told_as_in_a_folder(name):
    tree = open_archive(ORDINARY[name]((FILE, b"x = 1\n")), name)
    for path in (("a",), ("exercises", "b"), ("a", "b")):
        with pytest.raises(FileNotFoundError):
            tree.read(path, LARGEST)
        with pytest.raises(FileNotFoundError):
            tree.entries(path)
    with pytest.raises(Unreadable, match="is not a folder"):
        tree.entries(PARTS)
    with pytest.raises(Unreadable, match="is not a folder"):
        tree.entries((*PARTS, "x"))
    assert "a folder or unreadable" in unreadable(tree, PARTS[:1])
    assert "has more than 0 KiB" in unreadable(tree, PARTS, 5)
    assert tree.read(PARTS, 6) == b"x = 1\n"


@in_each_format
def test_a_folder_of_an_archive_is_a_tree_of_its_own(name):
    data = ORDINARY[name]((f"ada/{FILE}", b"a"), (f"bob/{FILE}", b"b"))
    assert open_archive(data, name, ("bob",)).read(PARTS, LARGEST) == b"b"
    assert open_archive(data, name).below(("ada",)).read(PARTS, LARGEST) == b"a"
    with pytest.raises(FileNotFoundError):
        open_archive(data, name, ("cyd",))
    with pytest.raises(Unreadable):
        open_archive(data, name, ("ada", *PARTS))


@in_each_format
def test_an_archive_is_read_from_a_descriptor_and_an_open_file(name, tmp_path):
    file = tmp_path / name
    file.write_bytes(ORDINARY[name]((FILE, b"x = 1\n")))
    with file.open("rb") as stream:
        assert open_archive(stream, name).read(PARTS, LARGEST) == b"x = 1\n"
    descriptor = os.open(file, os.O_RDONLY)
    try:
        assert open_archive(descriptor, name).read(PARTS, LARGEST) == b"x = 1\n"
    finally:
        os.close(descriptor)


@in_each_format
def test_the_content_decides_the_format_whatever_the_name_says(name):
    data = ORDINARY[name]((FILE, b"x = 1\n"))
    for other in ("hw.zip", "hw.tar.gz", "hw.tar"):
        assert open_archive(data, other).read(PARTS, LARGEST) == b"x = 1\n"


@pytest.mark.parametrize("name", ["hw.py", "hw.gz", "hw.rar", "zip", "hw.zip.txt", "hw.ipynb"])
def test_other_files_are_no_archives(name):
    assert not is_archive(name)


@pytest.mark.parametrize(
    "data, says",
    [
        (b"", "hw.zip is empty"),
        (b"Rar!\x1a\x07\0" + bytes(600), "hw.zip is a RAR archive, which cannot be read: hand in a .zip"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(600), "hw.zip is a 7-Zip archive, which cannot be read: hand in a .zip"),
        (b"hello " * 500, "hw.zip cannot be read as an archive (File is not a zip file)"),
    ],
)
def test_what_is_no_archive_is_told_in_a_line(data, says):
    assert refusal(data) == says


@pytest.mark.parametrize("name", ["hw.zip", "hw.tar", "hw.tar.gz"])
@pytest.mark.parametrize(
    "path, says",
    [
        ("../../etc/x.py", "../../etc/x.py leads out of the archive and is ignored"),
        ("a/../../x.py", "a/../../x.py leads out of the archive and is ignored"),
        ("/etc/x.py", "/etc/x.py is an absolute path and is ignored"),
        ("C:/x.py", "C:/x.py is an absolute path and is ignored"),
        ("a" * 256 + ".py", "a" * 79 + "… has a name or path that is too long and is ignored"),
        ("é" * 128, "é" * 79 + "… has a name or path that is too long and is ignored"),
        ("a/" * 33 + "x.py", "a/" * 33 + "x.py has a name or path that is too long and is ignored"),
        ("\x1b[31mx/../../y", "\\x1b[31mx/../../y leads out of the archive and is ignored"),
    ],
)
def test_a_path_that_leads_out_or_is_no_path_is_left_out_and_named(name, path, says):
    tree = open_archive(ORDINARY[name]((path, b"bad"), (FILE, b"good")), name)
    assert [entry.name for entry in tree.entries()] == ["exercises"]
    assert tree.read(PARTS, LARGEST) == b"good"
    assert tree.notes == (f"{name}: {says}",)


def test_a_backslash_or_a_null_character_in_a_name_is_left_out_and_named():
    tree = open_archive(
        zipped((zip_entry("a\\b.py"), b"bad"), (zip_entry("nul\0.py"), b"bad"), (FILE, b"good")), "a.zip"
    )
    assert [entry.name for entry in tree.entries()] == ["exercises"]
    assert tree.notes == (
        "a.zip: a\\b.py has a backslash or a null character in its name and is ignored (and 1 more like it)",
    )


def test_backslashes_separate_folders_if_no_name_has_a_slash():
    tree = open_archive(zipped((zip_entry(FILE.replace("/", "\\")), b"x"), (zip_entry("b.py"), b"y")), "a.zip")
    assert tree.read(PARTS, LARGEST) == b"x"
    tree = open_archive(zipped((zip_entry("a\\..\\..\\b.py"), b"x")), "a.zip")
    assert tree.entries() == [] and "leads out" in tree.notes[0]


@pytest.mark.parametrize("mode, kind", [(stat.S_IFLNK, "link"), (stat.S_IFIFO, "other"), (stat.S_IFCHR, "other")])
def test_links_and_devices_in_a_zip_are_listed_and_never_followed(mode, kind):
    tree = open_archive(zipped((zip_entry(FILE, mode | 0o777), b"/etc/passwd"), ("x", b"")), "a.zip")
    assert tree.entries(PARTS[:2]) == [Entry("softmax.py", kind)]
    assert "is a link, a folder or unreadable" in unreadable(tree)
    what = "is a link and is not followed" if kind == "link" else "is not a plain file and is not read"
    assert tree.notes == (f"a.zip: {FILE} {what}",)


@pytest.mark.parametrize(
    "member, kind", [("SYMTYPE", "link"), ("LNKTYPE", "link"), ("FIFOTYPE", "other"), ("CHRTYPE", "other")]
)
def test_links_and_devices_in_a_tar_are_listed_and_never_followed(member, kind):
    data = tarred((tar_entry(FILE, getattr(tarfile, member), "/etc/passwd"), b""), ("x", b""))
    tree = open_archive(data, "a.tar")
    assert tree.entries(PARTS[:2]) == [Entry("softmax.py", kind)]
    assert "is a link, a folder or unreadable" in unreadable(tree)
    what = "is a link and is not followed" if kind == "link" else "is not a plain file and is not read"
    assert tree.notes == (f"a.tar: {FILE} {what}",)


@in_each_format
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_of_two_files_with_one_name_the_last_counts_and_a_note_says_so(name):
    tree = open_archive(ORDINARY[name]((FILE, b"first"), (FILE, b"last")), name)
    assert tree.read(PARTS, LARGEST) == b"last"
    assert tree.notes == (f"{name}: {FILE} appears twice: the last one counts",)


@in_each_format
def test_a_name_of_both_a_file_and_a_folder_is_named(name):
    tree = open_archive(ORDINARY[name](("a", b"1"), ("a/b.py", b"2"), ("c/d.py", b"3"), ("c", b"4")), name)
    assert [(entry.name, entry.kind) for entry in tree.entries()] == [("a", "file"), ("c", "folder")]
    assert tree.read(("c", "d.py"), LARGEST) == b"3"
    assert tree.notes == (f"{name}: a/b.py is both a file and a folder: the first one counts (and 1 more like it)",)


@in_each_format
def test_what_file_managers_add_is_not_there(name):
    files = [f"__MACOSX/{FILE}", "exercises/.DS_Store", "exercises/ch06_numerics/._softmax.py", "Thumbs.db"]
    tree = open_archive(ORDINARY[name](*[(f, b"x") for f in files], (FILE, b"good")), name)
    assert [entry.name for entry in tree.entries()] == ["exercises"]
    assert [entry.name for entry in tree.entries(("exercises",))] == ["ch06_numerics"]
    assert [entry.name for entry in tree.entries(PARTS[:2])] == ["softmax.py"]
    assert tree.notes == ()


def test_names_in_utf_8_and_in_code_page_437_are_understood():
    flagged = zipped(("Jürgen/hw.py", b"1"))
    unmarked = flagged.replace(struct.pack("<HHH", 20, 0x800, 8), struct.pack("<HHH", 20, 0, 8))  # as some Macs write
    assert unmarked != flagged
    for data in (flagged, unmarked, flagged.replace("ü".encode(), b"\x81x").replace(b"\0\x08", b"\0\0")):
        assert open_archive(data, "a.zip").entries()[0].name.startswith("J")
    assert open_archive(unmarked, "a.zip").read(("Jürgen", "hw.py"), 9) == b"1"
    assert [e.name for e in open_archive(tarred(("Jürgen/hw.py", b"1")), "a.tar").entries()] == ["Jürgen"]
    latin = tarred(("J\udcfcrgen/hw.py", b"1"), form=tarfile.GNU_FORMAT)
    assert open_archive(latin, "a.tar").notes == (
        "a.tar: J\\udcfcrgen/hw.py has a name that is not UTF-8 and is ignored",
    )


def test_data_before_a_zip_and_a_comment_do_no_harm():
    data = b"#!/bin/sh\n" * 100 + zipped((FILE, b"x"), comment=b"by me")
    assert open_archive(data, "hw.zip").read(PARTS, LARGEST) == b"x"


@pytest.mark.parametrize("name", ["hw.zip", "hw.tar.gz"])
def test_an_archive_in_an_archive_is_read_by_opening_its_bytes(name):
    inner = ORDINARY[name]((FILE, b"x"))
    outer = open_archive(ORDINARY[name]((f"ada/{name}", inner)), name)
    assert open_archive(outer.read(("ada", name), MOST_KEPT), name).read(PARTS, LARGEST) == b"x"


def test_a_password_another_compression_and_damage_are_told_for_the_file():
    data = zipped((FILE, b"x" * 100), ("other.py", b"y"))
    locked = data.replace(struct.pack("<HHH", 20, 0, 8), struct.pack("<HHH", 20, 1, 8))
    assert unreadable(open_archive(locked, "a.zip")) == f"{FILE} is protected by a password"
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        tree = open_archive(zipped((FILE, b"x" * 100), compression=method), "a.zip")
        assert unreadable(tree) == f"{FILE} uses a compression that is not supported: hand in an ordinary .zip"
    wrong = data.replace(struct.pack("<L", zlib.crc32(b"x" * 100)), b"abcd")
    tree = open_archive(wrong, "a.zip")
    assert unreadable(tree).startswith(f"{FILE} is damaged in the archive (Bad CRC-32")
    assert tree.read(("other.py",), 9) == b"y"


def test_a_size_in_a_header_is_not_believed():
    data = zipped((FILE, b"x" * 1000))
    size = struct.pack("<L", 1000)
    small = open_archive(data.replace(size, struct.pack("<L", 10)), "a.zip")
    assert "is damaged in the archive" in unreadable(small)
    huge = open_archive(data.replace(size, struct.pack("<L", 2**32 - 2)), "a.zip")
    assert huge.read(PARTS, LARGEST) == b"x" * 1000


@pytest.mark.parametrize("form", ["zip", "tar"])
def test_cut_off_archives_are_told_in_a_line(form):
    data = ORDINARY["stored.zip" if form == "zip" else "hw.tar"]((FILE, bytes(range(256)) * 40), ("b.py", b"x" * 2000))
    content = len(data.rstrip(b"\0"))  # a tar file without the zeros at its end is whole
    for end in range(1, content, 97):
        try:
            tree = open_archive(data[:end], f"a.{form}")
        except Unreadable as error:
            notes = (str(error),)
        else:
            notes = tree.notes
        assert notes[0].startswith(f"a.{form}")


def test_damage_in_the_middle_of_a_tar_is_named():
    data = bytearray(tarred((FILE, b"x"), ("b.py", b"y"), form=tarfile.USTAR_FORMAT))
    data[1024:1030] = b"\xffoops\xff"
    tree = open_archive(bytes(data), "a.tar")
    assert tree.read(PARTS, LARGEST) == b"x"
    assert tree.notes == ("a.tar: one place is damaged, and the rest is not read",)


# Bombs


def test_a_file_is_inflated_up_to_the_limit_and_no_further():
    data = zipped((FILE, bytes(300 << 20)))
    assert len(data) < 1 << 20
    tree = open_archive(data, "a.zip")
    tracemalloc.start()
    assert unreadable(tree) == f"{FILE} has more than 256 KiB"
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


def test_all_files_of_a_zip_together_are_inflated_up_to_a_limit():
    tree = open_archive(zipped(*((f"{i}.ipynb", bytes(10 << 20)) for i in range(30))), "a.zip")
    sizes, refused = [], []
    for entry in tree.entries():
        try:
            sizes.append(len(tree.read((entry.name,), 16 << 20)))
        except Unreadable as error:
            refused.append(str(error))
    assert sum(sizes) <= MOST_BYTES and len(sizes) + len(refused) == 30
    assert refused and all("unpacks to more than 256 MiB" in line for line in refused)


COMPRESSORS = {"a.tar.gz": gzip.compress, "a.tar.bz2": bz2.compress, "a.tar.xz": lzma.compress}


@pytest.mark.parametrize("name", COMPRESSORS)
def test_a_compressed_bomb_is_inflated_piece_by_piece_and_up_to_a_limit(name):
    head = tarfile.TarInfo("movie.bin")
    head.size = 1 << 32
    tar = head.tobuf() + bytes(300 << 20)
    data = COMPRESSORS[name](tar)
    del tar
    tracemalloc.start()
    assert refusal(data, name) == f"{name} cannot be read: the archive unpacks to more than 256 MiB"
    assert tracemalloc.get_traced_memory()[1] < 32 << 20
    tracemalloc.stop()


def test_a_large_header_of_a_tar_is_not_read():
    head = tarfile.TarInfo("x")
    head.type, head.size = tarfile.GNUTYPE_LONGNAME, 200 << 20
    assert "a header is too large" in refusal(gzip.compress(head.tobuf() + bytes(200 << 20), 1), "a.tar.gz")


@pytest.mark.timeout(60)
def test_a_long_number_in_a_header_of_a_tar_takes_no_time():
    head = tarfile.TarInfo("x")
    head.type, head.size = tarfile.XHDTYPE, 60 << 10
    data = (head.tobuf() + b"1" * (60 << 10) + tarfile.TarInfo("y").tobuf()) * 100
    assert "a header has a number that is too long" in refusal(data, "a.tar")
    numbers = b"1" * 5000
    assert open_archive(tarred((FILE, numbers), ("b", b"")), "a.tar").read(PARTS, LARGEST) == numbers


def test_a_negative_size_in_a_tar_is_no_loop():
    head = bytearray(tarfile.TarInfo("x").tobuf(tarfile.GNU_FORMAT))
    for size in (-512, -1024, -(2**60)):
        head[124:136] = b"\xff" * 4 + (size).to_bytes(8, "big", signed=True)
        head[148:156] = b" " * 8
        head[148:156] = b"%06o\0 " % sum(head)
        try:
            notes = open_archive(bytes(head) * 8, "a.tar").notes
        except Unreadable as error:
            notes = (str(error),)
        assert notes[0].startswith(("a.tar: one place is damaged", "a.tar cannot be read as an archive"))


def test_too_many_files_are_refused():
    names = [f"{i}.txt" for i in range(MOST_FILES + 1)]
    assert "has more than 20,000 files" in refusal(zipped(*((n, b"") for n in names)))
    assert "has more than 20,000 files" in refusal(tarred(*((n, b"") for n in names)), "a.tar")
    deep = [("/".join([str(i), *"abcdefghij", "x.py"]), b"") for i in range(2000)]
    assert "has more than 20,000 files and folders" in refusal(zipped(*deep))


def test_a_list_of_two_million_files_is_not_loaded():
    record = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    directory = record * 2_000_000
    for count in (0, 1, 65535):
        end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(directory), 0, 0)
        data = b"PK\3\4" + directory + end
        tracemalloc.start()
        assert refusal(data) == "hw.zip: the list of files has more than 64 MiB"
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
        tracemalloc.stop()


def test_a_tar_keeps_what_may_be_needed_and_says_why_not_the_rest():
    files = {
        "a.py": b"x" * (300 << 10),
        "data.csv": b"1,2",
        "ok/hw.ipynb": b"{}",
        "me/.venv/lib/x.py": b"no",
        "me/lib/site-packages/x.py": b"no",
    }
    tree = open_archive(tarred(*files.items()), "a.tar")
    assert unreadable(tree, ("a.py",), 1 << 20) == "a.py has 300 KiB; at most 256 KiB are allowed"
    kept = "is ignored: only notebooks, .py and archives are read from a tar file"
    assert unreadable(tree, ("data.csv",)) == f"data.csv {kept}"
    assert unreadable(tree, ("me", ".venv", "lib", "x.py")) == f"me/.venv/lib/x.py {kept}"
    assert tree.read(("ok", "hw.ipynb"), 9) == b"{}"
    many = open_archive(tarred(*((f"{i}.ipynb", bytes(15 << 20)) for i in range(6)), mode="w:gz"), "a.tgz")
    assert len(many.read(("3.ipynb",), 16 << 20)) == 15 << 20
    assert "is ignored: the archive has more than 64 MiB of such files" in unreadable(many, ("4.ipynb",), 16 << 20)


# A class: what one learner handed in changes nothing for another


def _odd(form):
    """Entries of mallory's that are odd in every way, as a zip or a tar file can hold them."""
    link = zip_entry("mallory/see me", stat.S_IFLNK | 0o777)
    kinds = [link] if form == "zip" else [tar_entry("mallory/see me", tarfile.SYMTYPE, "/etc/passwd")]
    names = ["mallory/a\\b", "mallory/../ada/x.py", "mallory/" + "x" * 300, "mallory/" + "d/" * 40, "mallory/twice"]
    return [(name, b"") for name in (*kinds, *names, "mallory/twice", "mallory/f", "mallory/f/x")]


@pytest.mark.parametrize("form", ["zip", "tar"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_odd_entries_are_noted_for_the_learner_who_has_them_and_for_nobody_else(form):
    pack = zipped if form == "zip" else tarred
    data = pack((f"ada/{FILE}", b"a"), *_odd(form), (f"zoe/{FILE}", b"z"))
    for name, text in (("ada", b"a"), ("zoe", b"z")):
        tree = open_archive(data, f"class.{form}", (name,))
        assert (tree.read(PARTS, LARGEST), tree.notes) == (text, ())
        assert [entry.name for entry in tree.entries()] == ["exercises"]
    assert len(open_archive(data, f"class.{form}", ("mallory",)).notes) == 6
    root, notes = outline(data, f"class.{form}")
    assert (list(root), notes) == (["ada", "mallory", "zoe"], ())
    assert root["ada"] == root["zoe"] == {"exercises": "folder"}


@pytest.mark.parametrize("form", ["zip", "tar"])
def test_a_learner_who_has_only_odd_entries_is_told_too(form):
    data = (zipped if form == "zip" else tarred)(("mallory/../ada/x.py", b""), (f"zoe/{FILE}", b"z"))
    assert outline(data, f"class.{form}") == ({"mallory": {}, "zoe": {"exercises": "folder"}}, ())
    tree = open_archive(data, f"class.{form}", ("mallory",))
    says = (f"class.{form}: mallory/../ada/x.py leads out of the archive and is ignored",)
    assert (tree.entries(), tree.notes) == ([], says)


@pytest.mark.parametrize("form", ["zip", "tar"])
def test_more_files_than_are_read_of_one_learner_are_none_of_another(form):
    pack = zipped if form == "zip" else tarred
    many = [(f"mallory/{i}", b"") for i in range(MOST_FILES + 1)]
    data = pack((f"ada/{FILE}", b"a"), *many, (f"zoe/{FILE}", b"z"))
    root, notes = outline(data, f"class.{form}")
    assert (list(root), len(root["mallory"]), notes) == (["ada", "mallory", "zoe"], MOST_IN_FOLDER, ())
    for name in ("ada", "zoe"):
        assert open_archive(data, f"class.{form}", (name,)).notes == ()
    with pytest.raises(Unreadable, match="has more than 20,000 files"):
        open_archive(data, f"class.{form}", ("mallory",))


def test_bytes_that_one_learner_adds_to_a_tar_are_none_of_another():
    zeros = [(f"mallory/{i}.zip", bytes(60 << 20)) for i in range(5)]
    data = tarred((f"ada/{FILE}", b"a"), *zeros, (f"zoe/{FILE}", b"z"), mode="w:gz")
    assert outline(data, "class.tgz")[1] == ()
    tracemalloc.start()
    tree = open_archive(data, "class.tgz", ("zoe",))
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()
    assert (tree.read(PARTS, LARGEST), tree.notes) == (b"z", ())
    with pytest.raises(Unreadable, match="unpacks to more than 256 MiB"):
        open_archive(data, "class.tgz", ("mallory",))


def test_a_header_that_lies_in_the_list_of_a_zip_spoils_its_own_folder_only():
    data = zipped((f"ada/{FILE}", b"a"), ("mallory/\xe9.py", b"m"), (f"zoe/{FILE}", b"z"))
    data = data[: data.index(b"PK\1\2")] + data[data.index(b"PK\1\2") :].replace("\xe9".encode(), b"\xff\xfe")
    root, notes = outline(data, "class.zip")
    assert (list(root), notes) == (["ada", "mallory", "zoe"], ())
    assert open_archive(data, "class.zip", ("zoe",)).read(PARTS, LARGEST) == b"z"


def test_a_zip_whose_list_is_damaged_is_refused_as_a_whole():
    data = zipped((f"ada/{FILE}", b"a"), (f"zoe/{FILE}", b"z"))
    last = data.rindex(b"PK\1\2")
    with pytest.raises(Unreadable, match="the list of its files is damaged"):
        outline(data[:last] + b"PK\1\0" + data[last + 4 :], "class.zip")


@pytest.mark.parametrize("cut", [700, 20_000])
def test_of_a_tar_that_breaks_off_the_learners_before_the_break_are_told(cut):
    noise = os.urandom(100_000)
    whole = tarred((f"ada/{FILE}", b"a"), ("mallory/x.bin", noise), (f"zoe/{FILE}", b"z"), mode="w:gz")
    data = whole[:cut]
    root, notes = outline(data, "class.tgz")
    assert list(root)[:1] == ["ada"] and "zoe" not in root
    assert notes == ("class.tgz: the archive ends too early, and the rest is not read (it is cut off)",)
    tree = open_archive(data, "class.tgz", ("ada",))
    assert (tree.read(PARTS, LARGEST), tree.notes) == (b"a", notes)


def test_a_tar_of_which_too_much_is_passed_over_is_told_as_far_as_it_was_read(monkeypatch):
    monkeypatch.setattr("grader.course.intake.archive_tree.MOST_PASSED", 1 << 20)
    data = tarred((f"ada/{FILE}", b"a"), ("mallory/x.bin", bytes(2 << 20)), (f"zoe/{FILE}", b"z"))
    root, notes = outline(data, "class.tar")
    assert list(root) == ["ada", "mallory"]
    says = "the archive cannot be read: the archive unpacks to more than 1 MiB, and the rest is not read"
    assert notes == (f"class.tar: {says}",)
    assert open_archive(data, "class.tar", ("ada",)).read(PARTS, LARGEST) == b"a"


def test_a_size_in_a_tar_that_leads_past_its_end_is_told_with_those_before_it():
    head = tarfile.TarInfo("mallory/x")
    head.size = 1 << 40
    data = tarred((f"ada/{FILE}", b"a"))[:1024] + head.tobuf() + tarred((f"zoe/{FILE}", b"z"))
    root, notes = outline(data, "class.tar")
    assert list(root) == ["ada", "mallory"]
    assert notes == ("class.tar: the archive ends too early, and the rest is not read (unexpected end of data)",)


def test_a_tar_that_takes_too_long_is_told_as_far_as_it_was_read():
    data = tarred((f"ada/{FILE}", b"a"))
    with pytest.raises(Unreadable, match="takes too long to read"):
        outline(data, "class.tar", deadline=0.0)
    with pytest.raises(Unreadable, match="takes too long to read"):
        open_part(data, "class.tar", ("ada",), deadline=0.0)


@pytest.mark.parametrize("form", ["zip", "tar"])
def test_odd_names_in_the_root_are_noted(form):
    link = zip_entry("link", stat.S_IFLNK | 0o777) if form == "zip" else tar_entry("link", tarfile.SYMTYPE, "ada")
    pack = zipped if form == "zip" else tarred
    root, notes = outline(pack((f"ada/{FILE}", b""), (link, b""), ("../x", b""), ("/etc/x", b"")), f"class.{form}")
    assert root == {"ada": {"exercises": "folder"}, "link": "link"}
    assert notes == (
        f"class.{form}: link is a link and is not followed",
        f"class.{form}: ../x leads out of the archive and is ignored",
        f"class.{form}: /etc/x is an absolute path and is ignored",
    )


@pytest.mark.parametrize("form", ["zip", "tar"])
def test_names_that_look_alike_are_folders_of_their_own_and_other_spellings_of_a_path_are_not(form):
    alike = ("ada", "Ada", "Zo\u00eb", "Zoe\u0308")
    pack = zipped if form == "zip" else tarred
    data = pack(*((f"{name}/{FILE}", name.encode()) for name in alike), ("./ada//exercises/./b.py", b"b"))
    assert set(outline(data, f"class.{form}")[0]) == set(alike)
    for name in alike:
        tree = open_archive(data, f"class.{form}", (name,))
        assert tree.read(PARTS, LARGEST) == name.encode()
        assert tree.notes == ()
        assert tree.kind_at(("exercises", "b.py")) == ("file" if name == "ada" else None)


@pytest.mark.parametrize("form", ["zip", "tar"])
def test_a_file_and_a_folder_of_one_name_in_the_root_are_the_first_of_them(form):
    pack = zipped if form == "zip" else tarred
    data = pack(("ada.py", b"1"), (f"ada.py/{FILE}", b"2"), (f"bob/{FILE}", b"3"))
    says = (f"class.{form}: ada.py is both a file and a folder: the first one counts",)
    assert outline(data, f"class.{form}") == ({"ada.py": "file", "bob": {"exercises": "folder"}}, says)
    assert open_part(data, f"class.{form}", ("ada.py",)).read(("ada.py",), 9) == b"1"
    assert open_archive(data, f"class.{form}", ("bob",)).notes == ()


@pytest.mark.parametrize("form", ["zip", "tar"])
def test_a_class_has_up_to_so_many_names(form):
    pack = zipped if form == "zip" else tarred
    data = pack(*((f"s{i:05}/x", b"") for i in range(MOST_AT_TOP + 1)))
    assert len(outline(data, f"class.{form}")[0]) == MOST_AT_TOP


@pytest.mark.parametrize("before", [b"", b"#!/bin/sh\n" * 50])
def test_a_part_of_a_zip_with_more_than_65535_files_is_read(before):
    data = before + zipped(*((f"m{i % 7}/{i}", b"") for i in range(66_000)), (f"zoe/{FILE}", b"z"))
    assert open_archive(data, "class.zip", ("zoe",)).read(PARTS, LARGEST) == b"z"
