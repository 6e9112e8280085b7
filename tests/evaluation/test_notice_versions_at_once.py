"""Two who correct a notice at the same moment, and two who decide on one objection: one chain, one reply."""

import pytest

from evaluation import notice_versions, outcome
from evaluation.models import Objection, PublicNotice, PublishedReply
from evaluation.workflow import OBJECTION
from portal.accounts import Confirmed
from portal.machine import NotAllowed, Stale
from portal.problems import Changed
from tests.at_once import at_once
from tests.evaluation import published, scenes

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def notice(db):
    scenes.configuration.load()
    return published.notice()


def test_of_two_corrections_of_one_version_one_is_published(notice):
    people = [published.officer("approver"), published.user("second")]
    people[0].duties.create(duty="approver", since=published.today())
    people[1].duties.create(duty="approver", since=published.today())
    read = notice_versions.newest(notice).sha256

    def correct(by, address):
        row = PublicNotice.objects.get(pk=notice.pk)
        return notice_versions.correct(by, row, {"address": address}, "示例", Confirmed(by.pk), read)

    found = at_once(lambda: correct(people[0], "示例甲"), lambda: correct(people[1], "示例乙"))
    lost = [one for one in found if isinstance(one, Changed)]
    (won,) = [one for one in found if one not in lost]
    notice.refresh_from_db()
    assert (len(lost), notice.figures, notice.versions.count()) == (1, won.figures, 2)
    assert notice_versions.is_whole(notice_versions.chain(notice))


def test_of_two_decisions_on_one_objection_one_is_published(notice):
    supervisor = published.officer("supervisor")
    said = {"kind": "person", "name": "示例某", "identity": "示例001", "contact": "023-00000000", "text": "示例"}
    pk = outcome.file_objection(notice, said, []).pk
    OBJECTION.perform(Objection.objects.get(pk=pk), "accept", by=supervisor)

    def decide(action):
        OBJECTION.perform(
            Objection.objects.get(pk=pk), action, by=supervisor, reply="示例", public_reply=f"示例{action}"
        )

    found = at_once(lambda: decide("reject"), lambda: decide("uphold"))
    # Whoever read the row after the other had decided is told that it cannot be done any more.
    assert [type(one) for one in found if one is not None] in ([Stale], [NotAllowed])
    row = PublishedReply.objects.get()
    assert (row.decision, row.text) in {("rejected", "示例reject"), ("upheld", "示例uphold")}
    assert Objection.objects.get(pk=pk).state == row.decision
