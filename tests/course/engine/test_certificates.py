"""The certificates of an engine: for their owner only, never replaced, and refused where they cannot protect."""

import datetime
import stat

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from grader.book.errors import KoansError
from grader.course.engine import certificates
from tests.conftest import ROOT, Play

PLAY = Play(ROOT)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return certificates.make(tmp_path_factory.mktemp("engine") / "made").folder


@pytest.fixture
def made(original, tmp_path):
    folder = tmp_path / "own"
    folder.mkdir(0o700)
    for file in original.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
        (folder / file.name).chmod(0o600)
    return folder


def test_new_certificates_are_for_their_owner_and_valid_for_a_year(tmp_path):
    folder = tmp_path / "new" / "certs"
    said = PLAY.says("engine", "certificates", str(folder))
    assert (said.returncode, said.stderr) == (0, "")
    assert f"scp -pr {folder} HOST:" in said.stdout
    assert [(file.name, stat.S_IMODE(file.stat().st_mode)) for file in sorted(folder.iterdir())] == [
        ("cert.pem", 0o600),
        ("key.pem", 0o600),
    ]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    cert = x509.load_pem_x509_certificate((folder / "cert.pem").read_bytes())
    key = cert.public_key()
    assert isinstance(key, RSAPublicKey) and key.key_size >= 2048
    assert cert.not_valid_after_utc - cert.not_valid_before_utc == datetime.timedelta(days=365)
    assert f"valid until {cert.not_valid_after_utc:%Y-%m-%d}" in said.stdout


@pytest.mark.parametrize("left", ["cert.pem", "key.pem"])
def test_existing_files_are_never_replaced(made, left):
    kept = {file.name: file.read_bytes() for file in made.iterdir()}
    other = next(name for name in kept if name != left)
    (made / other).unlink()
    said = PLAY.says("engine", "certificates", str(made))
    assert (said.returncode, said.stderr) == (
        2,
        f"koans: {made / left} exists and is not replaced: name a new folder\n",
    )
    assert (made / left).read_bytes() == kept[left]
    assert not (made / other).exists()


def test_dask_gets_the_same_files_for_all_parties(made):
    security = certificates.security(certificates.read(made))
    assert security.require_encryption
    for role in ("client", "scheduler", "worker"):
        found = security.get_tls_config_for_role(role)
        assert (found["ca_file"], found["cert"], found["key"]) == (
            str(made / "cert.pem"),
            str(made / "cert.pem"),
            str(made / "key.pem"),
        )


def refused(folder, says):
    with pytest.raises(KoansError, match=f"^{says}") as error:
        certificates.read(folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_may_read_is_refused(made, mode):
    (made / "key.pem").chmod(mode)
    refused(made, f"{made}/key.pem: other users may read this key: chmod 600 {made}/key.pem")


def test_folders_without_usable_certificates_are_refused(made, tmp_path):
    refused(
        tmp_path / "none", rf"{tmp_path}/none has no certificates \(cert.pem, key.pem\): `koans engine certificates"
    )
    (made / "key.pem").rename(made / "key.txt")
    refused(made, f"{made}/key.pem: cannot be read")
    (made / "key.txt").rename(made / "key.pem")
    (made / "cert.pem").write_text("not PEM")
    refused(made, f"{made}/cert.pem is not a certificate")


def test_a_key_of_another_certificate_is_refused(made, tmp_path):
    other = certificates.make(tmp_path / "other")
    (made / "key.pem").write_bytes(other.key.read_bytes())
    refused(made, f"{made}/key.pem is not the key of {made}/cert.pem")
    (made / "key.pem").write_text("nothing")
    refused(made, f"{made}/key.pem is not the key of {made}/cert.pem")


def test_certificates_are_refused_before_and_after_their_time(made, monkeypatch):
    until = certificates.read(made).until

    def at(moment):
        class Clock(datetime.datetime):
            @classmethod
            def now(cls, tz=None):
                return moment

        monkeypatch.setattr(certificates.datetime, "datetime", Clock)

    at(until)
    refused(made, f"{made}/cert.pem expired on {until:%Y-%m-%d}: make new certificates")
    at(until - datetime.timedelta(days=365, seconds=1))
    refused(made, f"{made}/cert.pem is not valid before .* UTC: check this machine's clock")
