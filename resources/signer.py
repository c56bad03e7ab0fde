"""The signing key in a file, and the public keys a verifier trusts.

The key is made on first use; of several processes that race, one makes it and all use it. It is never used
when others could read it too.

What does not belong here: what is signed (`modelrisk.signatures`), and where the key lies (`resources.home`).
"""

import os
import stat
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from modelrisk.errors import CallerMistake, IntegrityError, Unavailable
from modelrisk.evidence import canonical_bytes
from modelrisk.signatures import PublicKey, TrustedKeys
from resources.durable_files import create_with, make_directory

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PUBLIC_SUFFIX = ".pub"
_PRIVATE_MARK = b"PRIVATE KEY-----"
_KEY_FILE_LIMIT = 64 * 1024


class KeyFile:
    """A `modelrisk.signatures.Signer` over an ed25519 key in a PEM file.

    Args:
        path: the private key; its public half lies beside it as `<stem>.pub`.
        create: whether a missing key is made on first use.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self.path = path
        self._create = create

    @property
    def public_path(self) -> Path:
        """Where the public half lies."""
        return self.path.with_suffix(PUBLIC_SUFFIX)

    @property
    def public_key(self) -> PublicKey:
        """The public half, derived from the private one.

        Raises:
            CallerMistake: the key is missing (and may not be made), open to others, or no ed25519 key.
            IntegrityError: the `.pub` beside it belongs to another key.
            Unavailable: the key can be neither read nor made.
        """
        return self._public

    @property
    def key_id(self) -> str:
        """Names the key; see `modelrisk.signatures.PublicKey`."""
        return self._public.key_id

    @property
    def trusted(self) -> TrustedKeys:
        """This key alone, as what a verifier on this machine trusts."""
        return TrustedKeys((self._public,))

    def sign(self, payload_type: str, payload: bytes) -> bytes:
        """The canonical bytes of a DSSE envelope around `payload`.

        Raises:
            CallerMistake: the key is missing (and may not be made), open to others, or no ed25519 key.
            IntegrityError: the `.pub` beside it belongs to another key.
            Unavailable: the key can be neither read nor made.
        """
        from securesystemslib.dsse import Envelope
        from securesystemslib.signer import (
            CryptoSigner,  # pyright: ignore[reportPrivateImportUsage] - documented, but not in __all__
            SSlibKey,  # pyright: ignore[reportPrivateImportUsage] - as above
        )

        key = SSlibKey.from_crypto(self._private.public_key(), self.key_id)
        envelope = Envelope(payload, payload_type, {})
        envelope.sign(CryptoSigner(self._private, key))
        return canonical_bytes(envelope.to_dict())

    @cached_property
    def _private(self) -> "Ed25519PrivateKey":
        try:
            if self._create and not self.path.exists():
                make_directory(self.path.parent, mode=0o700)
                create_with(self.path, _new_key(), name="key", mode=0o600)
            return _private_key(_guarded_bytes(self.path), self.path)
        except FileNotFoundError as error:
            raise CallerMistake(
                found=f"no signing key at {self.path}",
                expected="an ed25519 private key as PEM",
                remedy="Check the path, or leave it out to have a key made in the home directory",
            ) from error
        except OSError as error:
            raise _no_access(self.path, error) from error

    @cached_property
    def _public(self) -> PublicKey:
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        pem = self._private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        key = PublicKey.from_pem(pem)
        try:
            found = self.public_path.read_bytes()
        except FileNotFoundError:
            self._publish(pem)
            return key
        except OSError as error:
            raise _no_access(self.public_path, error) from error
        if PublicKey.from_pem(found) != key:
            raise IntegrityError(
                found=f"a public key {self.public_path} that belongs to another signing key",
                expected=f"the public half of {self.path}",
                remedy="Find out which of the two was replaced; remove the .pub file to have it written anew",
            )
        return key

    def _publish(self, pem: bytes) -> None:
        try:
            create_with(self.public_path, pem, name="public_key")
        except OSError:
            # A key mounted read-only (a secret) signs as well without its public half beside it.
            return


def trusted_keys(*, directories: Iterable[Path] = (), files: Iterable[Path] = ()) -> TrustedKeys:
    """Every public key in some directories (`*.pub`, `*.pem`) and in some files.

    A private key in a directory is passed over, so that a home's key directory can be named as it is. A
    directory that does not exist holds no keys; a file that does not exist is a mistake.

    Raises:
        CallerMistake: a named file is missing, or a file is no ed25519 public key.
        Unavailable: a file or directory cannot be read.
    """
    found = [
        file
        for directory in directories
        for file in sorted((*directory.glob(f"*{PUBLIC_SUFFIX}"), *directory.glob("*.pem")))
    ]
    pems = [pem for pem in map(_bytes_of, found) if _PRIVATE_MARK not in pem]
    pems += [_bytes_of(file) for file in files]
    return TrustedKeys.from_pems(pems)


def _bytes_of(file: Path) -> bytes:
    try:
        pem = file.read_bytes()
    except FileNotFoundError as error:
        raise CallerMistake(
            found=f"no public key at {file}",
            expected="a .pub or .pem file",
            remedy="Check the path given with --key",
        ) from error
    except OSError as error:
        raise _no_access(file, error) from error
    if _PRIVATE_MARK not in pem:
        _checked_public(pem, file)
    return pem


def _checked_public(pem: bytes, file: Path) -> None:
    try:
        PublicKey.from_pem(pem)
    except CallerMistake as error:
        raise CallerMistake(
            found=f"{error.found} in {file}", expected=error.expected, remedy=error.remedy
        ) from error


def _new_key() -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _guarded_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & 0o077:
            raise CallerMistake(
                found=f"a signing key {path} that others can read (mode {mode:04o})",
                expected="mode 0600: readable by its owner alone",
                remedy=f"Run `chmod 600 {path}`, and make a new key if anyone may have copied this one",
            )
        return file.read(_KEY_FILE_LIMIT)


def _private_key(pem: bytes, path: Path) -> "Ed25519PrivateKey":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CallerMistake(
            found=f"no usable private key in {path} (not PEM, damaged, or encrypted)",
            expected="an ed25519 private key as unencrypted PEM",
            remedy="Restore the key from a backup, or point at another one",
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise CallerMistake(
            found=f"a {type(key).__name__} in {path}",
            expected="an ed25519 private key",
            remedy="Make one with `openssl genpkey -algorithm ed25519 -out signing.pem`",
        )
    return key


def _no_access(path: Path, error: OSError) -> Unavailable:
    return Unavailable(
        found=f"a key {path} that cannot be used ({error.strerror or error})",
        expected="a readable key, or a directory where one can be made",
        remedy="Mend the permissions, or point at another key",
    )
