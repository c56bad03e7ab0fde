"""The sensor that tells people: of refusals, overdue reviews and moved aliases.

What does not belong here: words and audiences (`modelrisk.news`), and sending (`resources.notifier`).
"""

import time

import dagster as dg

from modelrisk.documents.text import visible
from modelrisk.errors import ModelRiskError, Unavailable
from modelrisk.ledger import Event, EventKind
from modelrisk.news import Ears, Piece, Told, is_for, messages, news_kind, of_alert, of_refusal
from modelrisk.policy import Audience
from pipelines.failure_stories import told
from resources.decision_register import DecisionRegister
from resources.environments import Circumstances
from resources.governance import Governance
from resources.ledger_store import SqliteLedger
from resources.notifier import Notifier

_SECONDS_OF_A_TICK = 30.0


@told(
    lambda description: dg.sensor(
        name="news",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=description,
    ),
    summary=(
        "Tells the audiences of policy's `notify:` of refusals, overdue reviews and moved aliases: each once,"
        " many at once as one message. Without audiences it does nothing."
    ),
)
def news(
    context: dg.SensorEvaluationContext,
    governance: dg.ResourceParam[Governance],
    ledger: dg.ResourceParam[SqliteLedger],
    register: dg.ResourceParam[DecisionRegister],
    notifier: dg.ResourceParam[Notifier],
    circumstances: dg.ResourceParam[Circumstances],
) -> dg.SkipReason:
    """Reads the ledger from each audience's own mark on, and moves the mark past what was sent.

    It stands beside the reviews: none waits for it, and nothing it meets can stop one.

    How it fails. *A service does not answer*: that audience's mark stays, and it is tried again after 1, 2,
    5, ... minutes, an hour at most; the others are told. *Killed between sending and writing the mark*: sent
    again; the ledger entry's number in the message tells the two apart. *Two daemons*: the same. *Ledger,
    policy or directory faulty*: the tick is skipped with the reason, and nothing is lost. *A record that
    cannot be believed*: the refusal is told all the same. *Many at once*: one message. *New audience*: is
    told of what happens from then on. *Clock set back*: nobody waits for longer than an hour.
    """
    try:
        audiences = governance.policy().audiences
        newest = ledger.head()
        head = 0 if newest is None else newest.seq
        ears = Ears.parsed(context.cursor).of(audiences, head=head)
        oldest = min((told.sequence for told in ears.told.values()), default=head)
        pieces = _pieces(ledger, register, after=oldest) if oldest < head else []
    except ModelRiskError as error:
        return dg.SkipReason(visible(str(error)))
    end = time.monotonic() + _SECONDS_OF_A_TICK
    said: list[str] = []
    for audience in audiences:
        told = ears.told[audience.name]
        if told.is_to_wait(circumstances.now()) or time.monotonic() > end:
            said.append(f"`{visible(audience.name)}` waits after {told.failures} failed attempts")
            continue
        told = _tell(audience, told, pieces, notifier, circumstances, said)
        ears = ears.with_(audience.name, told if told.failures else Told(max(told.sequence, head)))
    context.update_cursor(ears.text)
    return dg.SkipReason(
        "; ".join(said) or "nothing new to tell" if audiences else "policy names no audience"
    )


def _pieces(ledger: SqliteLedger, register: DecisionRegister, *, after: int) -> list[Piece]:
    events = [
        event
        for kind in (EventKind.DECISION, EventKind.ALERT)
        for event in ledger.events(kind)
        if event.seq > after and news_kind(event) is not None
    ]
    return [_piece(event, register) for event in sorted(events, key=lambda event: event.seq)]


def _piece(event: Event, register: DecisionRegister) -> Piece:
    if event.kind is EventKind.ALERT:
        return of_alert(event)
    try:
        return of_refusal(event, register.read(event).record)
    except ModelRiskError as error:
        return of_refusal(event, error)


def _tell(
    audience: Audience,
    told: Told,
    pieces: list[Piece],
    notifier: Notifier,
    circumstances: Circumstances,
    said: list[str],
) -> Told:
    """How far the audience is told after this attempt."""
    new = [piece for piece in pieces if piece.sequence > told.sequence]
    wanted = [piece for piece in new if is_for(audience, piece)]
    to_send = messages(wanted, ui=notifier.ui)
    reached = told.sequence
    for position, message in enumerate(to_send):
        try:
            notifier.send(audience.url, message)
        except Unavailable as error:
            said.append(f"`{visible(audience.name)}` could not be told: {visible(str(error))}")
            return Told(reached, told.failures).failed(circumstances.now())
        is_last = position == len(to_send) - 1
        reached = wanted[-1].sequence if is_last else wanted[position].sequence
    if to_send:
        said.append(f"`{visible(audience.name)}` was told of {len(wanted)}")
    return Told(max([reached, *(piece.sequence for piece in new)]))
