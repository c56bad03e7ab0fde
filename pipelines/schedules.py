"""The schedules: what time alone makes due, and how that can go wrong.

What does not belong here: what is due (`modelrisk.oversight`).
"""

import datetime

import dagster as dg

from assets.partitions import quarter_key
from modelrisk.documents.text import visible
from modelrisk.errors import ModelRiskError
from modelrisk.oversight import due_reviews as reviews_due
from modelrisk.portfolio.quarters import Quarter
from pipelines.failure_stories import told
from pipelines.jobs import report_portfolio, review_model_version, take_inventory
from pipelines.requests import DUE, asked, request_review, room
from resources.environments import Circumstances
from resources.inventories import Inventories


@told(
    lambda description: dg.schedule(
        name="hourly_inventory",
        job=take_inventory,
        cron_schedule="5 * * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=description,
    ),
    summary="Takes the inventory, so that a moved alias or a late review is seen within the hour.",
)
def hourly_inventory() -> dg.RunRequest:
    """Once an hour, five minutes past.

    How it fails. *Registry, policy or ledger cannot be read*: the run fails and says which; the last snapshot
    and the last verdicts of the checks stay, and the next hour tries again. *Nothing changed*: the checks are
    made anew, and nothing is added to the ledger. *Missed hours* are not made up for, but the next is taken.
    """
    return dg.RunRequest()


@told(
    lambda description: dg.schedule(
        name="due_reviews",
        job=review_model_version,
        cron_schedule="30 5,11,17,23 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=description,
    ),
    summary=(
        "Reviews versions in use, and releasable ones that wait, again before they fall due by `review_every`"
        " or the intake's `next_review`: 15 % of the period ahead, at most 14 days. At most 20 at a time."
    ),
)
def due_reviews(
    context: dg.ScheduleEvaluationContext,
    inventories: dg.ResourceParam[Inventories],
    circumstances: dg.ResourceParam[Circumstances],
) -> list[dg.RunRequest] | dg.SkipReason:
    """Four times a day, from the newest inventory in the ledger; each due review once a week until made.

    The run is *fresh*: the model is scored again on the data as it is now, and a new decision is made even if
    nothing changed. An old decision answered again would renew nothing.

    How it fails. *Ledger or snapshot cannot be read*: the tick is skipped with the reason. *No inventory*:
    skipped; `hourly_inventory` takes one. *A review fails or cannot evaluate the model*: it stays due and is
    asked for again after a week; `reviews_are_on_time` turns red when its day is past. *Killed, repeated, two
    daemons*: what was asked for stands in the runs' tags, and is not asked for twice. *Clock set back*: a
    review dated in the future counts as of today. *Deleted version*: its run fails and says so.
    """
    today = circumstances.now().date()
    try:
        newest = inventories.newest()
        if newest is None:
            return dg.SkipReason("no inventory has been taken yet; `hourly_inventory` takes one")
        due = reviews_due(inventories.overview(newest).days, today=today)
    except ModelRiskError as error:
        return dg.SkipReason(visible(str(error)))
    before = asked(context.instance, DUE)
    open_ = [review for review in due if review.name not in before][: room(context.instance)]
    if not open_:
        return dg.SkipReason("no review is due that has not been asked for")
    return [request_review(review.version, tag=DUE, name=review.name, fresh=review.fresh) for review in open_]


@told(
    lambda description: dg.schedule(
        name="portfolio_reports",
        job=report_portfolio,
        cron_schedule=["15 6 * * 1", "15 6 1 1,4,7,10 *"],
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=description,
    ),
    summary=("The report on the running quarter every Monday, and on the one that ended the day after."),
)
def portfolio_reports(circumstances: dg.ResourceParam[Circumstances]) -> dg.RunRequest:
    """Mondays, and on the first day of a quarter: the report on the quarter that yesterday lay in.

    How it fails. *Ledger or evidence cannot be read*: the run fails and says which; the last report stays.
    *A decision that cannot be proven*: the report is made, with that in red. *A missed tick*: the next Monday
    makes the running quarter's report anew; an ended one is made by launching `report_portfolio` on its
    partition, at any later time, with the same result. *Clock set back*: the report of the quarter it claims.
    """
    quarter = Quarter.of(circumstances.now().date() - datetime.timedelta(days=1))
    return dg.RunRequest(partition_key=quarter_key(quarter))


SCHEDULES = [hourly_inventory, due_reviews, portfolio_reports]
