"""Life after award with real transactions: of two at once one wins, and a worker that was killed has left nothing half done."""

from __future__ import annotations

import pytest
from django.utils import timezone

from communities.models import District, Officer, Parameter
from evaluation import inspecting, supervising
from evaluation.models import Inspection, InspectionDraw, OperatingReport, Programme, Rectification
from evaluation.workflow import INSPECTION_DRAW, OPERATING_REPORT, RECTIFICATION
from portal.models import Event, Notification, User
from portal.workdays import years_later
from tests.at_once import at_once
from tests.evaluation import published

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]


def today():
    return timezone.localdate()


def person(name):
    return User.objects.get(username=name)


@pytest.fixture
def certificate():
    row = published.certificate(issued_on=years_later(today(), -1))
    published.member(row.application.project.organisation, "unit")
    for duty in ("organiser", "supervisor"):
        published.officer(duty)
    Parameter.objects.filter(pk="inspection_share").update(value=100)
    return row


def second(duty, district=None):
    user = published.user(f"{duty}-2")
    Officer.objects.create(user=user, duty=duty, district=district, since=today())
    return user


def kinds(outcomes):
    return sorted(type(outcome).__name__ for outcome in outcomes)


def proposed():
    return inspecting.propose(person("organiser"), Programme.objects.get(pk="smart_community"), today().year, None)


def faults(certificate):
    """An inspection with two faults, both replied to, and two officers of the district."""
    draw = proposed()
    INSPECTION_DRAW.perform(draw, "cosign", by=person("supervisor"))
    row = Inspection.objects.get()
    Inspection.objects.filter(pk=row.pk).update(state="rectifying", visited_on=today())
    said = {"inspection": row, "mend_by": today(), "state": "replied"}
    both = [Rectification.objects.create(text=text, **said) for text in ("一", "二")]
    place = District.objects.get(name="渝北区")
    return both, [published.officer("district_officer", place), second("district_officer", place)]


def test_several_sweeps_at_once_ask_for_one_report_and_tell_the_unit_once(certificate):
    assert sum(at_once(*[supervising.open_reports] * 4)) == 1
    assert OperatingReport.objects.count() == 1
    assert Event.objects.filter(verb="operating_report.open").count() == 1
    assert Notification.objects.filter(user=person("unit")).count() == 1


def test_what_a_killed_look_left_is_asked_for_by_the_next(certificate, monkeypatch):
    """The row, its event and its message come together: whoever is killed between them has asked for nothing."""

    def killed(*_what):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("evaluation.telling_supervision.tell_report", killed)
        with pytest.raises(SystemExit):
            supervising.open_reports()
    assert (OperatingReport.objects.count(), Event.objects.filter(verb="operating_report.open").count()) == (0, 0)
    assert supervising.open_reports() == 1


def test_of_two_organisers_who_propose_at_once_one_does(certificate):
    programme, other = Programme.objects.get(pk="smart_community"), second("organiser")
    one = person("organiser")
    outcomes = at_once(
        lambda: inspecting.propose(one, programme, today().year, None),
        lambda: inspecting.propose(other, programme, today().year, District.objects.get(name="渝北区")),
    )
    assert kinds(outcomes) == ["InspectionDraw", "Refused"]
    assert InspectionDraw.objects.count() == 1


def test_of_two_supervisors_who_cosign_at_once_one_does_and_each_community_is_drawn_once(certificate):
    draw, other = proposed(), second("supervisor")
    rows = [InspectionDraw.objects.get(pk=draw.pk) for _ in range(2)]
    people = [person("supervisor"), other]
    outcomes = at_once(
        *(
            lambda row=row, by=by: INSPECTION_DRAW.perform(row, "cosign", by=by)
            for row, by in zip(rows, people, strict=True)
        )
    )
    assert kinds(outcomes) == ["Event", "Stale"]
    assert (Inspection.objects.count(), Event.objects.filter(verb="inspection_draw.hold").count()) == (1, 1)


def test_the_last_two_faults_closed_at_once_close_the_inspection(certificate):
    rows, officers = faults(certificate)
    pairs = zip([Rectification.objects.get(pk=row.pk) for row in rows], officers, strict=True)
    outcomes = at_once(*(lambda row=row, by=by: RECTIFICATION.perform(row, "close", by=by) for row, by in pairs))
    assert kinds(outcomes) == ["Event", "Event"]
    assert Inspection.objects.get().state == "closed"


def test_a_report_that_is_handed_in_twice_at_once_is_handed_in_once(certificate):
    supervising.open_reports()
    report, by = OperatingReport.objects.get(), person("unit")
    supervising.write(by, report, {code: "正常" for code, _label in report.questions})
    rows = [OperatingReport.objects.get() for _ in range(2)]
    outcomes = at_once(*(lambda row=row: OPERATING_REPORT.perform(row, "submit", by=person("unit")) for row in rows))
    assert kinds(outcomes) == ["Event", "Stale"]
    assert OperatingReport.objects.get().state == "submitted"
