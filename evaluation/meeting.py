"""The panel's meeting: the leader leads from item to item, and the members' pages follow.

Hides: who is in the room. Whoever must be recused since a party changed is out, though the seat is not yet given anew.
"""

from __future__ import annotations

from django.db.models import F
from django.utils import timezone

from evaluation import marking
from evaluation.models import Application, PanelMeeting
from evaluation.permissions import can, writing
from portal import audit
from portal.machine import NotAllowed
from portal.models import User
from portal.problems import Problem, Refused, gettext_noop


def meeting_of(application: Application) -> PanelMeeting | None:
    """The meeting of the present round that is going on; None where there is none or it has ended."""
    return application.panel_meetings.filter(review_round=application.review_round, closed_at=None).first()


def may_attend(user: User, application: Application) -> bool:
    """Members of the panel while it deliberates, but for those who now conflict; and who runs or supervises it."""
    if can(user, "watch_meeting", application):
        return True
    own = marking.seated(application).filter(expert__user=user).first()
    return can(user, "deliberate", application) and own is not None and not own.conflict


def lead_to(by: User, application: Application, item_code: str) -> PanelMeeting:
    """Open the meeting, or go on to another item ("" = the table of all); every member's page follows.

    Raises NotAllowed for anybody but the leader, Refused for an item that this stage has not.
    """
    known = {"", *(item.code for item in application.standard.items(application.stage))}
    if item_code not in known:
        raise Refused([Problem("item_unknown", "item", gettext_noop("本阶段没有该条目。"))])
    with writing(by, "lead_meeting", application):
        if not may_attend(by, application):
            raise NotAllowed("lead_meeting")
        meeting, created = PanelMeeting.objects.get_or_create(
            application=application, review_round=application.review_round, defaults={"opened_by": by}
        )
        if created or meeting.closed_at is not None:
            audit.record(application, "application.open_meeting", by=by, role="leader")
        rows = PanelMeeting.objects.filter(pk=meeting.pk)
        rows.update(item_code=item_code, turn=F("turn") + 1, closed_at=None)
        meeting.refresh_from_db()
        return meeting


def close(by: User, application: Application) -> None:
    """End the meeting; a meeting that has ended stays so. Raises NotAllowed for anybody but the leader."""
    with writing(by, "lead_meeting", application):
        meeting = meeting_of(application)
        if meeting is not None:
            PanelMeeting.objects.filter(pk=meeting.pk).update(closed_at=timezone.now(), turn=F("turn") + 1)
            audit.record(application, "application.close_meeting", by=by, role="leader")


def keep_note(by: User, application: Application, item_code: str, text: str) -> None:
    """Keep what the panel agrees on a flagged item, until the opinion is given with it.

    Raises NotAllowed for anybody but the leader; Refused for an item on which the marks do not lie apart, and once the
    opinion is given: other notes are part of another opinion.
    """
    with writing(by, "lead_meeting", application):
        result = marking.result_of(application)
        if result is None or item_code not in result.trace["flagged"]:
            raise Refused(
                [Problem("item_not_flagged", "note", gettext_noop("该条目没有列为分歧较大，不必写合议意见。"))]
            )
        if result.opinion:
            message = gettext_noop("专家组意见已出具；要改合议意见，请重新出具意见。")
            raise Refused([Problem("opinion_given", "note", message)])
        result.notes = {**result.notes, item_code: text.strip()}
        result.save(update_fields=["notes"])
