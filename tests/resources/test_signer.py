import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from modelrisk.errors import CallerMistake, IntegrityError, Unavailable
from modelrisk.signatures import verified_payload
from resources.failpoints import VARIABLE
from resources.signer import KeyFile, trusted_keys

PRINT_ID = """
import sys
from pathlib import Path
from resources.signer import KeyFile
sys.stdin.read(1)
print(KeyFile(Path(sys.argv[1])).key_id)
"""


def child(path: Path, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", PRINT_ID, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "signing.pem"


def test_a_key_is_made_on_first_use_for_its_owner_alone(path: Path) -> None:
    signer = KeyFile(path)
    assert not path.exists()
    envelope = signer.sign("x", b"payload")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert signer.public_path.read_bytes() == signer.public_key.pem
    assert verified_payload(envelope, signer.trusted, payload_type="x") == b"payload"


def test_the_key_is_the_same_the_next_time(path: Path) -> None:
    assert KeyFile(path).key_id == KeyFile(path).key_id
    assert KeyFile(path).sign("x", b"y") == KeyFile(path).sign("x", b"y")


def test_eight_processes_that_race_end_with_one_key(path: Path) -> None:
    children = [child(path) for _ in range(8)]
    for each in children:
        assert each.stdin is not None
        each.stdin.write("g")
        each.stdin.flush()
    found = {each.communicate(timeout=60)[0] for each in children}
    assert [each.returncode for each in children] == [0] * 8
    assert found == {KeyFile(path).key_id + "\n"}
    assert sorted(each.name for each in path.parent.iterdir()) == ["signing.pem", "signing.pub"]


@pytest.mark.parametrize("failpoint", ["key.before_link", "key.after_link", "public_key.before_link"])
def test_a_kill_while_the_key_is_made_leaves_a_whole_key_or_none(path: Path, failpoint: str) -> None:
    killed = child(path, **{VARIABLE: failpoint})
    killed.communicate("g", timeout=60)
    assert killed.returncode == -9
    before = path.read_bytes() if path.exists() else None
    signer = KeyFile(path)
    assert signer.sign("x", b"y")
    assert signer.public_path.exists()
    assert before in (None, path.read_bytes())


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_refused_with_the_remedy(path: Path, mode: int) -> None:
    assert KeyFile(path).key_id
    path.chmod(mode)
    with pytest.raises(CallerMistake, match=f"chmod 600 {path}"):
        KeyFile(path).sign("x", b"y")


def test_a_key_may_be_kept_from_being_made(path: Path) -> None:
    with pytest.raises(CallerMistake, match="no signing key"):
        KeyFile(path, create=False).sign("x", b"y")
    assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PRIVATE KEY-----\nMC4CAQAw", b"\0" * 100])
def test_a_damaged_key_is_refused_and_left_as_it_is(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(CallerMistake, match="no usable private key"):
        KeyFile(path).sign("x", b"y")
    assert path.read_bytes() == content


def test_a_key_of_another_kind_is_refused(path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = generate_private_key(SECP256R1())
    path.parent.mkdir()
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(0o600)
    with pytest.raises(CallerMistake, match="openssl genpkey -algorithm ed25519"):
        KeyFile(path).sign("x", b"y")


def test_a_public_half_of_another_key_is_noticed(path: Path, tmp_path: Path) -> None:
    other = KeyFile(tmp_path / "other" / "signing.pem")
    signer = KeyFile(path)
    assert signer.key_id
    signer.public_path.chmod(0o644)
    signer.public_path.write_bytes(other.public_key.pem)
    with pytest.raises(IntegrityError, match="another signing key"):
        KeyFile(path).sign("x", b"y")


def test_a_missing_public_half_is_written_anew(path: Path) -> None:
    signer = KeyFile(path)
    assert signer.key_id
    signer.public_path.unlink()
    assert KeyFile(path).key_id == signer.key_id
    assert signer.public_path.exists()


def test_a_place_where_no_key_can_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable):
        KeyFile(tmp_path / "file" / "signing.pem").sign("x", b"y")


def test_the_trusted_keys_of_a_directory_are_its_public_ones(path: Path, tmp_path: Path) -> None:
    signer, friend = KeyFile(path), KeyFile(tmp_path / "friend" / "f.pem")
    assert signer.key_id
    (path.parent / "friend.pem").write_bytes(friend.public_key.pem)
    found = trusted_keys(directories=[path.parent, tmp_path / "missing"])
    assert found.key_ids == {signer.key_id, friend.key_id}
    assert trusted_keys(files=[friend.public_path]).key_ids == {friend.key_id}


def test_a_named_key_must_be_a_public_key(path: Path, tmp_path: Path) -> None:
    assert KeyFile(path).key_id
    with pytest.raises(CallerMistake, match="no public key at"):
        trusted_keys(files=[tmp_path / "missing.pub"])
    with pytest.raises(CallerMistake, match="PEM"):
        trusted_keys(files=[path])
    (tmp_path / "junk.pub").write_text("junk")
    with pytest.raises(CallerMistake, match=r"junk\.pub"):
        trusted_keys(directories=[tmp_path])
