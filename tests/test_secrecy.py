"""Nobody learns another expert's marks before the panel's result: one walk through every address, for everybody.

A member marks, marks otherwise, signs, signs something else. Whoever must not know of it is answered the same bytes with the
same status and as many queries each time, by every page and operation that there is; an address of which this module does
not know what it takes fails the walk.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from evaluation import asking, deliberating, discussing, marking, wording
from evaluation.models import Application, Assignment, Evidence, Mark, Question
from evaluation.permissions import SEATED
from evaluation.workflow import APPLICATION, ASSIGNMENT, QUESTION
from experts.models import Expert
from portal import calendar_feed, tasks
from portal.demo import journey, people
from portal.models import Notification, User
from tests.addresses import API, addresses, unknown
from tests.conftest import forget_counts
from tests.evaluation import scenes

# On SQLite alone: only there does a row that is made again after a rollback have the number that it had, and answers are
# compared byte for byte.
pytestmark = [pytest.mark.django_db, pytest.mark.long, pytest.mark.one_database]
world, own_files = scenes.shared_world()

WORD = "独此一词"  # stands in what the member writes; whoever looks for it finds nothing
NOW = timezone.now().replace(microsecond=0)

# Who may know that a member has signed, by the right that says so; what was signed nobody knows.
KNOW_WHO_SIGNED = {
    "organiser": "see_signatures: chases the sheets that are late (docs/rights.md)",
    "supervisor": "see_signatures: oversees the organiser (docs/rights.md)",
}
# Where those who oversee the trail itself read that somebody opened a proof or signed; never a mark or a hash of marks.
TRAIL = ("/settings/trail/", "/api/v1/trail/")
READ_TRAIL = ("supervisor", "audit_administrator")
# Who is on the way to the same case without having to do with its panel.
MEMBERS = ("leader", "marking", "idle")
OTHERS = (
    "organiser", "supervisor", "approver", "intake", "district_officer", "applicant", "consultant", "other_applicant",
    "other_officer", "pool_keeper", "system_administrator", "security_administrator", "audit_administrator",
    "other_expert", "anonymous",
)  # fmt: skip
READERS = (*MEMBERS, *OTHERS)

# --- the case, and what a member does in it -----------------------------------------------------------------------


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """The clock stands still at ``moment``: what differs then differs by what was done, not by when."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timezone, "now", lambda: moment)
        yield


@pytest.fixture(scope="module")
def pk(world):
    """A case in review: one member has marked a part, one has asked the applicant, the others have done nothing."""
    case = world.case_at("review", advised=True)
    with at(NOW - timedelta(hours=9)):
        one = panel(case)
        journey.mark_sheet(one["marking"], 0.5)
        open_proofs(one["marking"], 2)
        asked = asking.ask(one["idle"].expert.user, one["idle"], items(case)[0].code, "示例：请说明点位。")
        QUESTION.perform(asked, "forward", by=world.organiser, text="示例：请说明点位。")
    # A process reads the text of a standard from its row once: here, before queries are counted.
    for asked in ("", "?show=open&state=review"):
        assert signed_in(world.organiser).get(f"/queue/{asked}").status_code == 200
    return case.pk


@pytest.fixture
def case(pk):
    return scenes.case(pk)


def panel(case: Application) -> dict[str, Assignment]:
    """The seats by what their members do here: "secret" is the one of whom nobody must learn anything."""
    rows = people.panel_of(case, "accepted", "signed", "amending")
    plain = [row for row in rows if not row.is_leader]
    found = dict(zip(("secret", "marking", "idle"), plain, strict=False))
    return {**found, "leader": next(row for row in rows if row.is_leader)}


def items(case: Application) -> list[Any]:
    return list(case.standard.items(case.stage))


def open_proofs(row: Assignment, count: int) -> None:
    for proof in Evidence.objects.filter(application=row.application).order_by("pk")[:count]:
        marking.open_evidence(row.expert.user, proof.pk)


def write(row: Assignment, end: int, count: int | None = None) -> None:
    """Marks at one end of what is legal (0 the first, -1 the last), on the first ``count`` items, with words of their own."""
    said = []
    for item in items(row.application)[:count]:
        legal = [choice.value for choice in wording.choices(item)] or ["0", str(int(item.points))]
        words = {"reason": f"{WORD}{end}", "private_note": f"{WORD}{end}备注"}
        said.append(Mark(assignment=row, item_code=item.code, value=wording.mark_value(legal[end]), **words))
    Mark.objects.bulk_create(said)


def sign(row: Assignment) -> None:
    ASSIGNMENT.perform(row, "sign", by=row.expert.user, **journey.signature(row.expert.user))


def nothing(row: Assignment) -> None:
    pass


def some(row: Assignment) -> None:
    write(row, 0, 5)
    open_proofs(row, 3)


def signed(row: Assignment) -> None:
    write(row, 0)
    open_proofs(row, 1)
    with at(NOW - timedelta(hours=2)):
        sign(row)


def signed_otherwise(row: Assignment) -> None:
    write(row, -1)
    open_proofs(row, 7)
    with at(NOW - timedelta(hours=2)):
        sign(row)


@contextmanager
def done(case: Application, deed: Callable[[Assignment], None]) -> Iterator[None]:
    """What the member does, and what others do after it, for as long as the block runs."""
    one = panel(case)
    with transaction.atomic():
        with at(NOW - timedelta(hours=6, minutes=len(deed.__name__))):
            deed(one["secret"])
        with at(NOW - timedelta(hours=1)):
            asking.ask(one["idle"].expert.user, one["idle"], items(case)[1].code, "示例：请说明数量。")
            tasks.remind(ASSIGNMENT)
            tasks.remind(APPLICATION)
        Question.objects.update(asked_at=NOW, state_since=NOW)
        Notification.objects.update(created_at=NOW)
        with at(NOW):
            yield
        transaction.set_rollback(True)


# --- who looks ----------------------------------------------------------------------------------------------------


@pytest.fixture
def reader(world, case):
    """Name -> the person of that name; None for the public."""

    def found(name: str) -> User | None:
        if name in MEMBERS:
            return scenes.person(panel(case)[name].expert.user.username)
        if name == "other_expert":
            return User.objects.exclude(expert=None).exclude(expert__assignments__application=case).first()
        return None if name == "anonymous" else scenes.person(getattr(world, name).username)

    return found


def keys_of(case: Application, user: User | None, secret: str) -> dict[str, list[Any]]:
    """Beginning of an address -> what stands there: rows of the case, and what is the reader's own."""
    seats = [panel(case)["secret"].pk]
    seats += Assignment.objects.filter(application=case, expert__user=user).values_list("pk", flat=True)
    codes, proof = [items(case)[0].code], [case.evidence.order_by("pk").first().pk]
    document = [case.documents.order_by("pk").first().pk]
    experts = Expert.objects.filter(assignments__in=seats).order_by("pk").values_list("number", flat=True)
    told = Notification.objects.filter(user=user).order_by("-pk").values_list("pk", flat=True)
    return {
        "applications/": [case.pk], "applications/{}/claims/": codes, "applications/{}/items/": codes,
        "applications/{}/documents/": document, "applications/{}/draw/": [case.review_round],
        "applications/{}/evidence/": proof, "applications/{}/evidence/{}/pages/": [1],
        "applications/{}/submissions/": [1], "applications/{}/versions/": [1], "applications/{}/versions/{}/": [1],
        "assignments/": seats, "assignments/{}/marks/": codes, "calendar/": [secret],
        "communities/": [case.project.community_id], "documents/": document,
        "engagements/": list(case.project.engagements.values_list("pk", flat=True)),
        "evidence/": proof, "evidence/{}/pages/": [1], "experts/": list(experts), "notifications/": list(told[:1]),
        "organisations/": [case.project.organisation_id], "projects/": [case.project_id],
        "projects/{}/applications/": [case.stage], "questions/": list(case.questions.values_list("pk", flat=True)),
        "standards/": [case.project.standard_id],
    }  # fmt: skip


def acts_of(case: Application, seats: list[int]) -> list[str]:
    """The page of every act on the case, its seats and its questions, of those that leave a state in which they are."""
    questions = case.questions.values_list("pk", flat=True)
    rows = ((APPLICATION, [case.pk], {case.state}), (ASSIGNMENT, seats, set(SEATED)), (QUESTION, questions, {"asked"}))
    return [
        f"/act/{machine.name}/{pk}/{action}/"
        for machine, pks, states in rows
        for pk in pks
        for action in sorted({row.action for row in machine.transitions if states.intersection(row.sources)})
    ]


Ask = Callable[[Client], Any]
Answer = tuple[int, bytes, tuple[tuple[str, str], ...], int]
OF_THE_REQUEST = re.compile(rb'(name="csrfmiddlewaretoken" value="|"csrfToken": ?")[^"]*')


def answer_to(client: Client, ask: Ask) -> Answer:
    """Status, body, header and number of queries of one answer; what it writes is taken back."""
    kept, asked = client.cookies.copy(), []

    def counted(execute: Any, sql: str, *rest: Any) -> Any:
        asked.append(sql)
        return execute(sql, *rest)

    with transaction.atomic():
        with connection.execute_wrapper(counted):
            answer = ask(client)
            body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        transaction.set_rollback(True)
    client.cookies = kept
    if zipfile.is_zipfile(BytesIO(body)):  # whose entries say when they were packed
        with zipfile.ZipFile(BytesIO(body)) as packed:
            body = repr([(name, packed.read(name)) for name in packed.namelist()]).encode()
    header = tuple(sorted((name, value) for name, value in answer.items() if name != "Expires"))
    return answer.status_code, OF_THE_REQUEST.sub(b"", body), header, len(asked)


def read(client: Client, address: str) -> Answer:
    return answer_to(client, lambda one: one.get(address))


def signed_in(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def walk(case: Application, user: User | None, secret: str) -> dict[str, Answer]:
    """What ``user`` is answered at every address by a process that has counted nothing yet."""
    forget_counts()
    client = signed_in(user)
    keys = keys_of(case, user, secret)
    return {
        address: read(client, address) for address in [*addresses(keys, WORD), *acts_of(case, keys["assignments/"])]
    }


def messages() -> list[tuple[Any, ...]]:
    """What the portal has written to people, and whose it is."""
    columns = ("user__username", "address", "kind", "subject", "body", "link", "email")
    return sorted(map(str, Notification.objects.values_list(*columns)))


def different(first: dict[str, Answer], second: dict[str, Answer]) -> list[str]:
    """The addresses that answer otherwise than before."""
    return [address for address in first if second[address] != first[address]]


# Deeds among which the reader must find no difference.
KNOWING = ((nothing, some), (signed, signed_otherwise))
MEMBER = ((nothing, some, signed, signed_otherwise),)
IGNORANT = ((nothing, signed_otherwise),)


def test_it_is_declared_what_every_address_takes(case):
    assert unknown(keys_of(case, None, "")) == set()


@pytest.mark.parametrize("who", READERS)
def test_no_answer_tells_what_another_member_marks(case, reader, who):
    user = reader(who)
    secret = calendar_feed.open_link(user) if user else "none"
    for deeds in KNOWING if who in KNOW_WHO_SIGNED else MEMBER if who in MEMBERS else IGNORANT:
        seen = []
        for deed in deeds:
            with done(case, deed):
                seen.append(walk(case, user, secret))
        known = TRAIL if who in READ_TRAIL else ()
        for deed, answers in zip(deeds[1:], seen[1:], strict=True):
            told = [address for address in different(seen[0], answers) if address not in known]
            assert (deed.__name__, told) == (deed.__name__, [])


@pytest.mark.parametrize("who", READ_TRAIL)
def test_the_trail_tells_that_a_member_signed_and_nothing_of_what(case, reader, who):
    client, seen = signed_in(reader(who)), []
    for deed in (signed, signed_otherwise):
        with done(case, deed):
            seen.append([client.get(address, {"verb": "assignment.sign"}).content.decode() for address in TRAIL])
            sha256 = Assignment.objects.exclude(signed_sha256="").get(application=case).signed_sha256
            assert [sha256[:12] in page or WORD in page for page in seen[-1]] == [False, False]
    assert ["assignment.sign" in page for page in seen[0]] == [True, True]


# Where the panel is named, its state counted, or its acts are listed: what once told a member who had signed.
NAMED = ("/applications/{}/panel/", "/api/v1/applications/{}/panel/", "/api/v1/assignments/", "/work/")


@pytest.mark.parametrize("who", ["idle", "leader", "approver"])
def test_where_the_panel_is_named_nobody_learns_who_has_signed(case, reader, who):
    client = signed_in(reader(who))
    seen = []
    for deed in (nothing, signed):
        with done(case, deed):
            seen.append({address: read(client, address.format(case.pk)) for address in NAMED})
    assert (seen[0][NAMED[0]][0], different(*seen)) == (200, [])


@pytest.mark.parametrize("who", sorted(KNOW_WHO_SIGNED))
def test_who_chases_late_sheets_knows_who_has_signed_and_no_hash(case, reader, who):
    client = signed_in(reader(who))
    with done(case, signed):
        sha256 = Assignment.objects.exclude(signed_sha256="").get(application=case).signed_sha256
        seats = client.get(f"{API}applications/{case.pk}/panel/").json()["results"]
        read_here = (*NAMED, f"{API}projects/{case.project_id}/events/", f"/projects/{case.project_id}/")
        told = [client.get(address.format(case.pk)).content.decode() for address in read_here]
    assert sorted(seat["state"] for seat in seats) == ["accepted"] * (len(seats) - 1) + ["signed"]
    assert [sha256[:12] in page for page in told] == [False] * len(told)


def test_the_member_reads_the_own_hash(case):
    row = panel(case)["secret"]
    with done(case, signed):
        told = signed_in(row.expert.user).get(f"{API}assignments/{row.pk}/").json()["signed_sha256"]
        assert told == Assignment.objects.get(pk=row.pk).signed_sha256 != ""


def test_no_message_is_written_about_a_sheet_that_is_not_the_last(case):
    seen = []
    for deed in (nothing, some, signed, signed_otherwise):
        with done(case, deed):
            seen.append(messages())
    assert seen == [seen[0]] * 4


def test_the_message_after_the_last_signature_goes_to_the_leader_and_tells_no_mark(case):
    before = set(Notification.objects.values_list("pk", flat=True))
    journey.to_state(case, "deliberation")
    rows = Notification.objects.exclude(pk__in=before)
    leader = journey.leader_of(case)
    assert [(row.user, row.kind, str(scenes.case(case.pk)) in row.subject) for row in rows] == [
        (leader, "waiting", True)
    ]
    said = Mark.objects.filter(assignment__application=case).exclude(reason="").values_list("reason", flat=True)
    assert [reason for reason in said if reason in rows[0].body] == []


# --- acts ---------------------------------------------------------------------------------------------------------


def json_of(method: str, address: str, **said: Any) -> Ask:
    return lambda client: getattr(client, method)(f"{API}{address}", said, content_type="application/json")


def acts_of_a_member(case: Application, row: Assignment) -> dict[str, Ask]:
    """What a member sends: some of it is kept, some refused."""
    code, at_seat = items(case)[0].code, f"assignments/{row.pk}"
    act = {"signed_name": row.expert.user.name, "password": people.PASSWORD}
    return {
        "mark": json_of("put", f"{at_seat}/marks/{code}/", value=True, reason="示例", revision=0),
        "illegal mark": json_of("put", f"{at_seat}/marks/{code}/", value=99),
        "unknown item": json_of("put", f"{at_seat}/marks/0.0.0/", value=True),
        "opened": json_of("post", f"{at_seat}/opened/", evidence=[case.evidence.order_by("pk").first().pk]),
        "ask": json_of("post", f"{at_seat}/questions/", item_code=items(case)[2].code, text="示例：请说明。"),
        "ask nothing": json_of("post", f"{at_seat}/questions/", item_code=items(case)[2].code, text=" "),
        "sign": json_of("post", f"{at_seat}/acts/sign/", **act),
        "amend": json_of("post", f"{at_seat}/acts/amend/"),
        "amend a mark": json_of("post", f"{at_seat}/amendments/", item_code=code, value=True, reason="示例"),
        "say": json_of("post", f"applications/{case.pk}/discussion/", text="示例：请看第一条。"),
        "lead": json_of("put", f"applications/{case.pk}/meeting/", item_code=""),
    }


MOMENTS = re.compile(rb"\d{4}-\d\d-\d\dT[0-9:.+]+")  # what was done by this very request


@pytest.mark.parametrize("who", ["idle", "marking", "leader"])
def test_what_a_member_is_answered_depends_on_nobody_elses_marks(case, reader, who):
    client, seen = signed_in(reader(who)), []
    journey.mark_sheet(panel(case)["marking"])  # so that one of them can sign
    for deed in (nothing, some, signed, signed_otherwise):
        with done(case, deed):
            acts = acts_of_a_member(case, panel(case)[who]).items()
            answers = {name: answer_to(client, ask) for name, ask in acts}
            seen.append({name: (one[0], MOMENTS.sub(b"", one[1]), *one[2:]) for name, one in answers.items()})
    assert [different(seen[0], answers) for answers in seen] == [[]] * 4
    assert seen[0]["sign"][0] == (200 if who == "marking" else 422)


# --- deliberation -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def deliberated(world, pk):
    """Another case, whose panel deliberates; every sheet has a private note."""
    case = world.case_at("deliberation", advised=True)
    Mark.objects.filter(assignment__application=case).update(private_note=f"{WORD}备注")
    return case.pk


def reopened(row: Assignment) -> None:
    with at(NOW - timedelta(hours=2)):
        ASSIGNMENT.perform(row, "amend", by=row.expert.user)


def amended(row: Assignment, end: int = -1) -> None:
    reopened(row)
    mark = row.marks.filter(item_code=items(row.application)[3].code).first()
    legal = [wording.mark_value(choice.value) for choice in wording.choices(items(row.application)[3])]
    new = [value for value in legal if mark is None or value != mark.value][end]
    said = {"value": new, "reason": f"{WORD}{end}"}
    deliberating.amend_mark(row.expert.user, row, items(row.application)[3].code, **said)


def amended_otherwise(row: Assignment) -> None:
    amended(row, 0)


def amended_and_signed(row: Assignment) -> None:
    amended(row)
    with at(NOW - timedelta(hours=1)):
        ASSIGNMENT.perform(row, "sign_again", by=row.expert.user, **journey.signature(row.expert.user))


@contextmanager
def amending(case: Application, deed: Callable[[Assignment], None]) -> Iterator[Assignment]:
    """What a member does in the deliberation, for as long as the block runs."""
    with transaction.atomic():
        row = Assignment.objects.get(pk=panel(case)["secret"].pk)
        with at(NOW - timedelta(hours=3)):
            deed(row)
        with at(NOW):
            yield row
        transaction.set_rollback(True)


def of_the_panel(case: Application, row: Assignment) -> list[str]:
    """Where the panel's marks are read."""
    on_case = ("panel/", "meeting/", "approval/", "discussion/", "meeting/turn/")
    on_api = ("panel/", "result/", "endorsements/", "meeting/", "discussion/", "events/", "acts/")
    on_seat = ("", "sheet/", "sheet/file/", "amend/", "scoring/")
    on_api_seat = ("", "sheet/", "marks/", "amendments/", "acts/", "rating/")
    return [
        *(f"/applications/{case.pk}/{end}" for end in on_case),
        *(f"{API}applications/{case.pk}/{end}" for end in on_api),
        *(f"/assignments/{row.pk}/{end}" for end in on_seat),
        *(f"{API}assignments/{row.pk}/{end}" for end in on_api_seat),
        f"{API}projects/{case.project_id}/events/", "/work/", f"{API}work/", f"{API}assignments/?application={case.pk}",
    ]  # fmt: skip


@pytest.mark.parametrize("who", ["leader", "idle", "organiser", "supervisor", "approver", "applicant"])
def test_an_amendment_is_read_once_it_is_signed_and_a_private_note_never(world, deliberated, who):
    case = scenes.case(deliberated)
    user = panel(case)[who].expert.user if who in MEMBERS else getattr(world, who)
    client, seen = signed_in(scenes.person(user.username)), []
    for deed in (reopened, amended, amended_otherwise, amended_and_signed):
        with amending(case, deed) as row:
            seen.append({address: read(client, address) for address in of_the_panel(case, row)})
    assert [different(seen[0], answers) for answers in seen[1:3]] == [[], []]
    read_now = [f"{WORD}-1".encode() in answers[f"/applications/{case.pk}/panel/"][1] for answers in seen]
    assert read_now == [False, False, False, who != "applicant"]
    assert [address for answers in seen for address, one in answers.items() if f"{WORD}备注".encode() in one[1]] == []


@pytest.mark.parametrize("action", ["recount", "give_opinion", "ask_revision"])
def test_what_the_leader_is_refused_does_not_tell_whether_an_open_sheet_was_changed(deliberated, action):
    case, said = scenes.case(deliberated), {"opinion": "示例", "notes": {}, "items": "4.1.1", "reason": "示例"}
    client, seen = signed_in(scenes.person(journey.leader_of(case).username)), []
    for deed in (reopened, amended, amended_otherwise):
        with amending(case, deed):
            seen.append(answer_to(client, json_of("post", f"applications/{case.pk}/acts/{action}/", **said)))
    assert (seen[0][0], seen) == (422, [seen[0]] * 3)


def test_the_discussion_of_who_has_signed_is_closed_to_who_has_not(case, reader):
    client, seen = signed_in(reader("idle")), []
    addresses_of_it = [f"/applications/{case.pk}/discussion/", f"{API}applications/{case.pk}/discussion/"]
    for text in ("", f"示例：{WORD}"):
        with done(case, signed):
            row = Assignment.objects.get(pk=panel(case)["secret"].pk)
            if text:
                discussing.post(row.expert.user, scenes.case(case.pk), text)
            seen.append({address: read(client, address) for address in addresses_of_it})
    assert ([one[0] for one in seen[0].values()], different(*seen)) == ([403, 403], [])
