"""Written forms of model versions: injective, printable, one line, whatever name the registry accepts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrisk.errors import CallerMistake
from modelrisk.identity import ModelVersion

HOSTILE = [
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "=cmd()",
    "two\nlines",
    "nul\0byte",
    "\u202egnp.exe",
    "n" * 300,
    "💣",
    "'; DROP TABLE events; --",
    "[click](javascript:alert(1))",
    "a@b",
    "a%40b",
    "...",
    ".",
    "..",
    "a/b:c",
    " leading and trailing ",
    "~home",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_comes_back_from_its_key(name):
    version = ModelVersion(name, "7")
    assert ModelVersion.from_key(version.key) == version


@pytest.mark.parametrize("name", HOSTILE)
def test_keys_and_file_stems_are_plain(name):
    version = ModelVersion(name, "7")
    assert version.key.isascii()
    assert version.key.isprintable()
    assert not any(text in version.key for text in ("/", "\\", "..", "\n", " ", "<", "'"))
    assert len(version.file_stem) < 120
    assert not version.file_stem.startswith(".")
    assert not set(version.file_stem) & set("/\\%\n\0:~")


@given(st.text(min_size=1), st.text(min_size=1))
def test_two_names_never_share_a_key_or_a_file_stem(one, other):
    first, second = ModelVersion(one, "1"), ModelVersion(other, "1")
    assert (first.key == second.key) == (one == other)
    assert (first.file_stem == second.file_stem) == (one == other)


@given(st.text(min_size=1), st.integers(1, 10**17))
def test_every_version_comes_back_from_its_key(name, number):
    version = ModelVersion(name, str(number))
    assert ModelVersion.from_key(version.key) == version


@pytest.mark.parametrize("version", ["", "0", "-1", "1.0", "latest", "١", "1 ", "runs:/", "models:/x/1"])
def test_a_version_is_a_positive_integer_or_a_run(version):
    with pytest.raises(CallerMistake):
        ModelVersion("loan", version)


def test_a_logged_run_can_be_named_too():
    version = ModelVersion("loan", "runs:/abc123/model")
    assert version.is_run
    assert ModelVersion.from_key(version.key) == version


@pytest.mark.parametrize("key", ["", "loan", "@1", "loan@", "a b@1", "loan@1@2"])
def test_text_that_is_no_key_is_refused_with_the_form_expected(key):
    with pytest.raises(CallerMistake, match=r"NAME@VERSION|written form|positive integer"):
        ModelVersion.from_key(key)
