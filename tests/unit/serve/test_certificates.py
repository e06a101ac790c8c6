"""Which pair is taken, when, and where nginx reads it. With a real nginx: tests/integration/tls."""

import logging
import stat
from pathlib import Path

import pytest
from cryptography import x509

from app.serve.certificates import REMINDER, Certificates, Pair
from tests.support.tls import certificate, split

NAME = "mcp.example.test"


@pytest.fixture
def source(tmp_path: Path) -> tuple[str, str]:
    (tmp_path / "live").mkdir()
    (tmp_path / "nginx").mkdir(mode=0o700)
    return str(tmp_path / "live/fullchain.pem"), str(tmp_path / "live/privkey.pem")


def made(folder: Path, days: int = 60) -> Pair:
    return Pair(*split(certificate(folder, NAME, days)))


def put(source: tuple[str, str], pair: Pair) -> None:
    Path(source[0]).write_bytes(pair.chain)
    Path(source[1]).write_bytes(pair.key)


def served(certificates: Certificates) -> Pair:
    chain, key = map(Path, certificates.served)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (chain, key)] == [0o600, 0o600]
    return Pair(chain.read_bytes(), key.read_bytes())


def test_the_placeholder_is_for_our_names_and_says_nothing_of_us(tmp_path: Path, source: tuple[str, str]) -> None:
    certificates = Certificates(tmp_path / "nginx", source, (NAME, "other.example.test"))
    [shown] = x509.load_pem_x509_certificates(served(certificates).chain)
    names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [NAME, "other.example.test"]
    assert shown.subject.rfc4514_string() == shown.issuer.rfc4514_string() == "CN=placeholder"


def test_a_pair_is_brought_once_it_has_stayed_the_same_for_a_moment(tmp_path: Path, source: tuple[str, str]) -> None:
    certificates = Certificates(tmp_path / "nginx", source, (NAME,))
    first, second = made(tmp_path), made(tmp_path)
    put(source, first)
    assert certificates.look(10.0) is None
    put(source, second)
    assert certificates.look(10.3) is None, "too early to look"
    assert certificates.look(11.1) is None, "another one than before"
    assert certificates.look(12.2) == second
    assert certificates.look(13.3) is None, "brought once"
    certificates.take(second)
    assert served(certificates) == second
    assert len(list((tmp_path / "nginx").glob("tls-*"))) == 1


def test_what_was_refused_is_brought_again_when_asked_for(
    tmp_path: Path, source: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    good, bad = made(tmp_path), made(tmp_path)
    put(source, good)
    certificates = Certificates(tmp_path / "nginx", source, (NAME,))
    assert served(certificates) == good
    put(source, Pair(bad.chain, good.key))
    with caplog.at_level(logging.ERROR):
        assert [certificates.look(float(now)) for now in range(0, 20, 2)] == [None] * 10
        assert len(caplog.records) == 1
        assert "key values mismatch" in caplog.text
        certificates.reconsider()
        assert certificates.look(30.0) is None
        assert len(caplog.records) == 2
    assert served(certificates) == good


def test_a_pair_that_vanishes_is_served_on(tmp_path: Path, source: tuple[str, str]) -> None:
    good = made(tmp_path)
    put(source, good)
    certificates = Certificates(tmp_path / "nginx", source, (NAME,))
    Path(source[1]).unlink()
    assert [certificates.look(now) for now in (1.0, 3.0, 5.0)] == [None] * 3
    assert served(certificates) == good


@pytest.mark.parametrize(("days", "said"), [(60, 0), (6, 1), (-1, 1)])
def test_the_end_of_a_life_is_said_again_and_again(
    tmp_path: Path, source: tuple[str, str], caplog: pytest.LogCaptureFixture, days: int, said: int
) -> None:
    put(source, made(tmp_path, days))
    certificates = Certificates(tmp_path / "nginx", source, (NAME,))
    with caplog.at_level(logging.ERROR):
        for now in (1.0, 100.0, REMINDER + 2):
            certificates.look(now)
    assert caplog.text.count("was not renewed") == said * 2


def test_a_file_that_cannot_be_read_is_said_so(
    tmp_path: Path, source: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    put(source, made(tmp_path))
    Path(source[1]).unlink()
    Path(source[1]).mkdir()
    Certificates(tmp_path / "nginx", source, (NAME,))
    assert f"{source[1]} cannot be read by uid" in caplog.text


def test_no_key_is_shown(tmp_path: Path, source: tuple[str, str]) -> None:
    pair = made(tmp_path)
    put(source, pair)
    shown = repr(Certificates(tmp_path / "nginx", source, (NAME,))) + repr(pair)
    assert "PRIVATE" not in shown
