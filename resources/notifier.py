"""Telling people, by whatever service their address is of: the only place that knows Apprise.

An address may hold a secret, so it is never repeated in a message, a log or an error.

What does not belong here: who is told what (`modelrisk.news`, policy) and when (`pipelines.sensors.news`).
"""

import logging
from collections.abc import Mapping

from modelrisk.errors import Unavailable
from modelrisk.news import Message

_APPRISE = logging.getLogger("apprise")


class Notifier:
    """Sends messages.

    Args:
        environ: where `env:NAME` addresses are looked up, each time anew.
        ui: where people reach the Dagster UI; None when nobody said.
    """

    def __init__(self, environ: Mapping[str, str], *, ui: str | None) -> None:
        self._environ = environ
        self.ui = ui

    def send(self, url: str, message: Message) -> None:
        """Send one message to one address.

        Args:
            url: an Apprise URL, or `env:NAME`.
            message: what to send.

        Raises:
            Unavailable: there is no such variable, it holds no address, or nothing answered there.
        """
        import apprise

        service = apprise.Apprise()
        if not service.add(self._address(url)):
            raise Unavailable(
                found="an address that no service is known for",
                expected="an Apprise URL, such as mailto://, slack:// or json://",
                remedy="Correct it where policy says it is kept",
            )
        with _in_silence():
            sent = service.notify(
                title=message.title,
                body=message.body,
                body_format=apprise.NotifyFormat.TEXT,
                notify_type=apprise.NotifyType.WARNING,
                interpret_escapes=False,
            )
        if not sent:
            raise Unavailable(
                found="a service that did not take the message",
                expected="one that does",
                remedy="Check the address and that the service can be reached; it is tried again",
            )

    def _address(self, url: str) -> str:
        if not url.startswith("env:"):
            return url
        name = url.removeprefix("env:")
        address = self._environ.get(name, "").strip()
        if not address:
            raise Unavailable(
                found=f"no environment variable {name}",
                expected="the address of the service",
                remedy=f"Set {name} for the daemon and the webserver, and start them again",
            )
        return address


class _in_silence:  # noqa: N801 - reads as the phrase it is
    """Apprise logs addresses when it fails."""

    def __enter__(self) -> None:
        self._before = _APPRISE.disabled
        _APPRISE.disabled = True

    def __exit__(self, *_: object) -> None:
        _APPRISE.disabled = self._before
