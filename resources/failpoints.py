"""Named places where a test may kill the process, so that a crash there can be repeated.

Only tests set the variable; without it `reach` does nothing. It kills the way a power cut does: no cleanup,
no flushing, no handlers.

What does not belong here: simulated errors (a hand-written fake raises those).
"""

import os
import signal

VARIABLE = "MODEL_RISK_FAILPOINT"


def reach(name: str) -> None:
    """Die here if the test asked for it.

    Args:
        name: `part.moment`, such as `ledger.before_commit`.
    """
    if os.environ.get(VARIABLE) == name:
        os.kill(os.getpid(), signal.SIGKILL)
