"""The package as it is installed: pins, entry points, what loading imports, nothing of one machine in it."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = ["modelrisk", "resources", "assets", "checks", "pipelines"]
HEAVY = ("mlflow", "great_expectations", "evidently", "sklearn", "pandas", "ibis", "duckdb")
PYTHONS = ("3.11", "3.12", "3.13")


def requirements() -> list[Requirement]:
    extras = PROJECT["project"]["optional-dependencies"].values()
    texts = [*PROJECT["project"]["dependencies"], *(text for extra in extras for text in extra)]
    return [Requirement(text) for text in texts]


def pins() -> list[Requirement]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]


def tracked() -> list[Path]:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    return [path for name in listed.decode().split("\0") if name and (path := ROOT / name).is_file()]


def test_both_ways_into_dagster_load_the_same_module():
    (entry,) = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"]
    project = PROJECT["tool"]["dg"]["project"]
    assert entry["python_module"]["module_name"] == project["code_location_target_module"]
    assert entry["python_module"]["location_name"] == project["code_location_name"]
    assert set(entry["python_module"]) == {"module_name", "location_name"}
    from pipelines.cli import serving

    assert f'"{project["code_location_target_module"]}"' in Path(serving.__file__).read_text()


def test_the_wheel_holds_the_five_packages():
    assert PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == PACKAGES
    with_init = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert with_init == set(PACKAGES)


def test_the_command_is_the_entry_point():
    module, _, name = PROJECT["project"]["scripts"]["model-risk"].partition(":")
    assert (module, name) == ("pipelines.cli.main", "main")


def test_constraints_are_pins_without_addresses():
    text = (ROOT / "constraints.txt").read_text()
    assert "://" not in text
    assert "@" not in text
    for pin in pins():
        assert [specifier.operator for specifier in pin.specifier] == ["=="], pin


@pytest.mark.parametrize("python", PYTHONS)
def test_every_direct_dependency_is_pinned_once_within_its_range_for_each_python(python):
    environment = {"python_full_version": f"{python}.0", "python_version": python}
    pinned: dict[str, list[Requirement]] = {}
    for pin in pins():
        if pin.marker is None or pin.marker.evaluate(environment):
            pinned.setdefault(canonicalize_name(pin.name), []).append(pin)
    for requirement in requirements():
        found = pinned.get(canonicalize_name(requirement.name), [])
        assert len(found) == 1, requirement.name
        (specifier,) = found[0].specifier
        assert Version(specifier.version) in requirement.specifier, requirement.name


def test_the_supported_pythons_are_those_that_are_pinned():
    from packaging.specifiers import SpecifierSet

    supported = SpecifierSet(PROJECT["project"]["requires-python"])
    assert all(f"{python}.0" in supported for python in PYTHONS)
    assert "3.10.0" not in supported
    assert "3.14.0" not in supported
    named = [text.rpartition(" ")[2] for text in PROJECT["project"]["classifiers"] if ":: 3." in text]
    assert named == list(PYTHONS)


def test_no_tracked_file_names_a_package_registry_or_a_place_on_one_machine():
    # Assembled, so that this file does not contain what it looks for.
    parts = (
        *(("py", r"pi\.org"), ("files.python", "hosted"), ("index", "-url"), ("artifact", "ory")),
        *(("/ro", "ot/"), ("/wo", "rk/(?:main|shared)"), ("/Us", r"ers/\w"), ("/ho", r"me/\w+/")),
    )
    forbidden = re.compile("|".join(first + second for first, second in parts))
    for path in tracked():
        found = forbidden.search(path.read_bytes().decode("utf-8", errors="replace"))
        assert found is None, f"{path.relative_to(ROOT)}: {found and found[0]}"


def test_loading_the_code_location_imports_no_heavy_library(tmp_path):
    code = (
        "import json, sys, pipelines.definitions as d;"
        f"print(json.dumps([name for name in {HEAVY!r} if name in sys.modules] + [len(list(d.defs.assets))]))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True, timeout=300
    )
    *heavy, assets = json.loads(result.stdout.splitlines()[-1])
    assert heavy == []
    assert assets >= 12
    assert list(tmp_path.iterdir()) == []


def test_the_full_check_runs_the_readmes_own_test_command():
    script = (ROOT / ".ci" / "run").read_text()
    pattern = re.search(r"grep -E '([^']+)' README\.md", script)
    assert pattern
    lines = (ROOT / "README.md").read_text().splitlines()
    found = [line for line in lines if re.search(pattern[1], line)]
    assert len(found) == 1
    assert found[0].endswith(".venv/bin/pytest")
    for tool in ("ruff check", "ruff format --check", "lint-imports", "pyright"):
        assert f".venv/bin/{tool}" in script
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
