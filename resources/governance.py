"""The governance directory: `policy.yaml`, `models/*.yaml` and the keys decisions are trusted by.

Every document is named relative to the directory (`models/loan-default.yaml`), so what a decision cites
does not depend on where somebody checked the directory out.

What does not belong here: what the documents mean (`modelrisk.intake`, `modelrisk.policy_documents`) and
the data they point to (`resources.datasets`).
"""

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from urllib.parse import unquote, urlsplit

from modelrisk.catalogue import Catalogue, shipped_catalogue
from modelrisk.errors import CallerMistake, Fault, InvalidDocument, Unavailable
from modelrisk.intake import LINEAGE, Intake, IntakeDocument, intake_from
from modelrisk.inventory import IntakeFile
from modelrisk.policy import Obligation, Policy, obligations, threshold_faults
from modelrisk.policy_documents import policy_from
from modelrisk.tiering import TierDecision
from modelrisk.yaml_documents import MAXIMUM_BYTES, in_order, printable

POLICY = "policy.yaml"
MODELS = "models"
TRUSTED_KEYS = "trusted_keys"
_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):")  # two letters or more: `D:` is a drive
_DRIVE = re.compile(r"/?[A-Za-z]:([\\/]|$)")


@dataclass(frozen=True)
class Governance:
    """One governance directory.

    Attributes:
        directory: where it is.
    """

    directory: Path

    @property
    def trusted_keys_directory(self) -> Path:
        """Public keys whose signatures are trusted."""
        return self.directory / TRUSTED_KEYS

    def catalogue(self) -> Catalogue:
        """The control catalogue."""
        return shipped_catalogue()

    def policy(self) -> Policy:
        """The directory's policy laid over the shipped default.

        Raises:
            InvalidDocument: with every fault of the policy.
            CallerMistake: there is no such directory.
        """
        self._require()
        faults = tuple(_stray_policies(self.directory))
        path = self.directory / POLICY
        is_default = not path.exists() and not path.is_symlink()
        try:
            content = None if is_default else _content(path, name=POLICY)
            policy = policy_from(content, name=POLICY, catalogue=self.catalogue())
        except InvalidDocument as error:
            raise InvalidDocument(in_order((*faults, *error.faults))) from error
        if faults:
            raise InvalidDocument(faults)
        return policy

    def intake(self, model: str) -> IntakeDocument | None:
        """The intake of one model; None when it is not in the inventory.

        A broken file of another model does not stand in the way; one that could be this model's does.

        Raises:
            InvalidDocument: the model's file is faulty, two files declare it, or it was not found and some
                file could not be read far enough to say which model it declares.
            CallerMistake: there is no such directory.
        """
        self._require()
        read = self._read()
        found = [each for each in read if each.declares == model]
        if len(found) > 1:
            raise InvalidDocument(tuple(_doubles(found)))
        if found:
            return found[0].usable
        unclear = [fault for each in read if each.declares is None for fault in each.faults]
        if unclear:
            raise InvalidDocument(in_order(unclear))
        return None

    def obligations(self, model: str, tier: TierDecision, intake: Intake | None) -> tuple[Obligation, ...]:
        """What policy asks of a model, with the lines of policy and intake that say so.

        Args:
            model: the registered model's name.
            tier: its tier.
            intake: its declaration as it stood when the review began.

        Raises:
            InvalidDocument: policy or intake break their contract.
        """
        found = self.intake(model)
        document = found.document if found is not None and found.intake == intake else None
        return obligations(self.policy(), self.catalogue(), tier, intake, document=document)

    def intakes(self) -> tuple[IntakeDocument, ...]:
        """Every intake, by file name.

        Raises:
            InvalidDocument: with every fault of the `models` directory; a portfolio with a hole is none.
            CallerMistake: there is no such directory.
        """
        self._require()
        read = self._read()
        faults = [fault for each in read for fault in each.faults]
        faults += _doubles(read)
        if faults:
            raise InvalidDocument(in_order(faults))
        return tuple(each.usable for each in read)

    def survey(self, policy: Policy) -> tuple[IntakeFile, ...]:
        """Every file of the `models` directory with all that is wrong with it, by file name.

        Args:
            policy: thresholds are held against it.

        Raises:
            CallerMistake: there is no such directory.
        """
        self._require()
        read = self._read()
        doubles = tuple(_doubles(read))
        return tuple(
            IntakeFile(
                name=each.name,
                declares=each.declares,
                intake=each.intake,
                faults=in_order(
                    (
                        *(fault for fault in doubles if fault.file == printable(each.name)),
                        *each.faults,
                        *(self._use_faults(each.intake, policy) if each.intake is not None else ()),
                    )
                ),
            )
            for each in read
        )

    def faults(self) -> tuple[Fault, ...]:
        """Everything wrong with the directory, by file and line; empty when all is well."""
        if not self.directory.is_dir():
            return (self._missing(),)
        policy: Policy | None = None
        faults: list[Fault] = list(_misplaced(self.directory))
        try:
            policy = self.policy()
        except InvalidDocument as error:
            faults += error.faults
        read = self._read()
        if not read:
            faults.append(
                Fault(
                    f"{MODELS}/",
                    None,
                    "",
                    "no intake files",
                    "one .yaml file for each model",
                    "Write one; `model-risk init` makes a template",
                )
            )
        faults += _doubles(read)
        for each in read:
            faults += each.faults
            if each.intake is not None:
                faults += self._use_faults(each.intake, policy)
        return in_order(faults)

    def resolve(self, reference: str, *, intake_path: str) -> Path:
        """The file that an intake's data reference means.

        Args:
            reference: a path relative to the intake's file, an absolute path, or a `file://` URI.
            intake_path: the intake's name, as `IntakeDocument.path` has it.

        Raises:
            CallerMistake: another scheme, another host, or a path of another operating system.
        """
        return _resolved(reference, base=(self.directory / intake_path).parent)

    def scaffold(self) -> tuple[Path, ...]:
        """Write a policy that changes nothing and an intake to start from; existing files stay as they are.

        Returns:
            The files written.
        """
        models = self.directory / MODELS
        try:
            models.mkdir(parents=True, exist_ok=True)
            self.trusted_keys_directory.mkdir(exist_ok=True)
            has_models = any(models.glob("*.yaml"))
            wanted = {self.directory / POLICY: "policy_template.yaml"}
            if not has_models:
                wanted[models / "example.yaml"] = "intake_template.yaml"
            return tuple(path for path, template in wanted.items() if _written(path, template))
        except OSError as error:
            raise Unavailable(
                found=f"{self.directory} ({error.strerror})",
                expected="a directory that can be written",
                remedy="Choose another with --governance, or mend its permissions",
            ) from error

    def _missing(self) -> Fault:
        found = "a file" if self.directory.exists() else "no such directory"
        return Fault(
            printable(str(self.directory)),
            None,
            "",
            found,
            "a governance directory",
            "Run `model-risk init`, or name another directory with --governance",
        )

    def _require(self) -> None:
        if not self.directory.is_dir():
            missing = self._missing()
            raise CallerMistake(
                found=f"{missing.found} at {missing.file}", expected=missing.expected, remedy=missing.remedy
            )

    def _read(self) -> "tuple[_Read, ...]":
        models = self.directory / MODELS
        if not models.is_dir():
            return ()
        # A name that starts with a dot is an editor's or git's own business.
        paths = [path for path in sorted(models.iterdir()) if not path.name.startswith(".")]
        return tuple(_read_one(path) for path in paths)

    def _use_faults(self, intake: IntakeDocument, policy: Policy | None) -> Iterator[Fault]:
        """What is wrong with a well-formed intake where it is used: with its data, and under a policy."""
        yield from self._reference_faults(intake)
        if policy is not None:
            yield from threshold_faults(policy, self.catalogue(), intake.intake, document=intake.document)

    def _reference_faults(self, intake: IntakeDocument) -> Iterator[Fault]:
        data = intake.intake.data
        for key, reference in (("evaluation", data.evaluation), ("training", data.training)):
            if key == "training" and reference == LINEAGE:
                continue
            try:
                self.resolve(reference, intake_path=intake.path)
            except CallerMistake as error:
                yield intake.document.fault(
                    "data", key, found=error.found, expected=error.expected, remedy=error.remedy
                )


@dataclass(frozen=True)
class _Read:
    """One entry of the `models` directory: an intake, or what is wrong with it.

    `declares` is the model's name even where the rest is faulty; None when that cannot be said.
    """

    name: str
    declares: str | None
    intake: IntakeDocument | None = None
    faults: tuple[Fault, ...] = ()

    @property
    def usable(self) -> IntakeDocument:
        if self.intake is None:
            raise InvalidDocument(self.faults)
        return self.intake


def _read_one(path: Path) -> _Read:
    name = f"{MODELS}/{path.name}"
    if path.suffix != ".yaml" or path.is_dir():
        found = "a directory" if path.is_dir() else f"a file ending in {printable(path.suffix) or 'nothing'}"
        return _Read(
            name,
            None,
            faults=(
                Fault(
                    printable(name),
                    None,
                    "",
                    found,
                    "intake files ending in .yaml, and nothing else",
                    "Rename it to end in .yaml, or move it out of the directory",
                ),
            ),
        )
    try:
        return _parsed(_content(path, name=name), name)
    except InvalidDocument as error:
        return _Read(name, None, faults=error.faults)


@functools.lru_cache(maxsize=4096)
def _parsed(content: bytes, name: str) -> _Read:
    """By content, so that asking for one model of a thousand does not parse the other 999 again."""
    try:
        intake = intake_from(content, name=name)
    except InvalidDocument as error:
        return _Read(name, _declared(content, name), faults=error.faults)
    return _Read(name, intake.intake.model, intake=intake)


def _declared(content: bytes, name: str) -> str | None:
    """The model a faulty intake declares; None when its YAML cannot be read."""
    from modelrisk.yaml_documents import parsed

    try:
        model = parsed(content, name=name).at("model")
    except InvalidDocument:
        return None
    return model if isinstance(model, str) else None


def _content(path: Path, *, name: str) -> bytes:
    """The file's bytes, one more than a document may have at most.

    Raises:
        InvalidDocument: not a regular file, or one that cannot be read.
    """
    try:
        if not path.is_file():  # a pipe would be waited for without end
            found = "a link to nothing" if path.is_symlink() else "something that is not a file"
        else:
            with path.open("rb") as file:
                return file.read(MAXIMUM_BYTES + 1)
    except OSError as error:
        found = f"a file that cannot be read ({error.strerror})"
    raise InvalidDocument(
        [Fault(printable(name), None, "", found, "a readable file", "Mend the file or its permissions")]
    )


def _doubles(read: Sequence[_Read]) -> Iterator[Fault]:
    first: dict[str, str] = {}
    for each in read:
        if each.declares is None:
            continue
        if each.declares in first:
            line = each.intake.document.place("model") if each.intake else None
            yield Fault(
                printable(each.name),
                None if line is None else line.line,
                "model",
                f"a second intake of {each.declares!r} (the first is {printable(first[each.declares])})",
                "one intake for each model",
                "Remove one of the two files",
            )
        first.setdefault(each.declares, each.name)


def _stray_policies(directory: Path) -> Iterator[Fault]:
    """A policy under a name that nobody reads would be no policy without anyone noticing."""
    for path in sorted(directory.iterdir()):
        if path.name != POLICY and path.name.lower() in {"policy.yaml", "policy.yml", "policy.json"}:
            yield Fault(path.name, None, "", f"a policy called {path.name}", POLICY, f"Rename it to {POLICY}")


def _misplaced(directory: Path) -> Iterator[Fault]:
    for path in sorted(directory.iterdir()):
        is_yaml = path.suffix.lower() in {".yaml", ".yml"} and not path.name.startswith(".")
        if is_yaml and path.name != POLICY and path.stem.lower() != "policy":
            yield Fault(
                printable(path.name),
                None,
                "",
                "a YAML file beside the policy, which nobody reads",
                f"intake files in {MODELS}/",
                f"Move it to {MODELS}/, or out of the directory",
            )


def _written(path: Path, template: str) -> bool:
    content = (files("modelrisk.policies") / template).read_bytes()
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        return False
    return True


def _resolved(reference: str, *, base: Path) -> Path:
    def refused(found: str, expected: str, remedy: str) -> CallerMistake:
        return CallerMistake(
            found=f"{found} ({printable(reference)[:200]!r})", expected=expected, remedy=remedy
        )

    scheme = _SCHEME.match(reference)
    path = reference
    if scheme and scheme["scheme"].lower() == "file":
        try:
            parts = urlsplit(reference)
        except ValueError as error:
            raise refused(f"a malformed URI: {error}", "file:///path", "Mend the URI") from error
        if parts.netloc not in {"", "localhost"}:
            raise refused(
                f"a file on the host {printable(parts.netloc)!r}",
                "a file on this machine",
                "Write file:///path",
            )
        if parts.query or parts.fragment:
            raise refused("a file URI with ? or #", "file:///path", "Write %3F for ? and %23 for #")
        path = unquote(parts.path)
    elif scheme and (reference[scheme.end() :].startswith("/") or scheme["scheme"].lower() in _SCHEMES):
        raise refused(
            f"the scheme {scheme['scheme']}:",
            "a path or a file:// URI",
            "Copy or mount the data on this machine and write its path",
        )
    if "\x00" in path or not path.strip():
        raise refused("an empty path or one with NUL", "a path", "Write the path of the data")
    if _DRIVE.match(path) or path.startswith("\\\\"):
        raise refused(
            "a Windows path",
            "a path on this machine",
            "Copy the data here and write its path; relative paths work on every machine",
        )
    return base / path


_SCHEMES = {
    "http",
    "https",
    "s3",
    "s3a",
    "gs",
    "abfs",
    "abfss",
    "wasbs",
    "dbfs",
    "hdfs",
    "runs",
    "models",
    "data",
}
