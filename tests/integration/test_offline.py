"""A review needs no network: it runs where there is none but loopback."""

import json
import shutil
import subprocess
import sys

import pytest

from modelrisk.decisions import ExitCode

REVIEW = """\
import fcntl, socket, struct, sys

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
    # SIOCSIFFLAGS: loopback up and running
    fcntl.ioctl(control, 0x8914, struct.pack("16sh14x", b"lo", 0x1 | 0x40))
with socket.socket() as outside:
    outside.settimeout(5)
    try:
        outside.connect(("192.0.2.1", 80))
    except OSError:
        pass
    else:
        sys.exit("there is a network")
from pipelines.cli.main import main
main()
"""
WITHOUT_NETWORK = ["unshare", "--map-root-user", "--net"]


def is_permitted() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*WITHOUT_NETWORK, "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not is_permitted(), reason="this machine does not let us make a network namespace")
def test_a_review_runs_where_there_is_no_network_but_loopback(bench):
    bench.declare()
    version = bench.register()
    places = ["--home", str(bench.root / "home"), "--governance", str(bench.governance)]
    ended = subprocess.run(
        [
            *WITHOUT_NETWORK,
            *(sys.executable, "-c", REVIEW, "review", version.key, "--format", "json"),
            *places,
            *("--tracking-uri", bench.tracking_uri),
        ],
        capture_output=True,
        check=False,
        timeout=500,
    )
    assert ended.returncode == ExitCode.RELEASABLE, ended.stderr.decode()
    assert json.loads(ended.stdout)["verdict"] == "releasable"
    assert bench.platform.register.newest(version) is not None
