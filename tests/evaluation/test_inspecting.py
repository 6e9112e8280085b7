"""Random inspections: drawn by two persons, visited, told when recorded, put right, overdue before the supervisor."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from communities.models import District, Officer, Parameter
from evaluation import inspecting, supervising, supervision_work
from evaluation.history import events_for, reader_of
from evaluation.models import Certificate, Inspection, InspectionDraw, Programme, Rectification
from evaluation.permissions import rectifications_visible_to
from evaluation.workflow import INSPECTION, INSPECTION_DRAW, RECTIFICATION
from experts.draw import canonical_bytes, secret_hash, verify_bytes
from portal import clock
from portal.demo import papers
from portal.machine import NotAllowed, Stale
from portal.models import Event, Notification, User
from portal.tasks import enforce_deadlines
from tests.evaluation import published, scenes

pytestmark = [pytest.mark.django_db, pytest.mark.long]
DAY = timedelta(days=1)
ONE, OTHER = "1" * 64, "2" * 64


def today():
    return timezone.localdate()


@pytest.fixture(scope="module", autouse=True)
def configured(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        yield


@pytest.fixture(autouse=True)
def people(configured):
    for duty in ("intake", "organiser", "approver", "supervisor"):
        published.officer(duty)
    published.officer("district_officer", District.objects.get(name="渝北区"))


def person(name):
    return User.objects.get(username=name)


def programme():
    return Programme.objects.get(pk="smart_community")


def awarded(*numbers, **columns):
    for number in numbers:
        certificate = published.certificate(f"示例·第{number}小区", number=number, **columns)
        published.member(certificate.application.project.organisation, f"unit{number}")
    return certificate


def proposed(**binding):
    return inspecting.propose(person("organiser"), programme(), today().year, None, **binding)


def drawn(*numbers, share=100):
    awarded(*numbers or (1,))
    Parameter.objects.filter(pk="inspection_share").update(value=share)
    draw = proposed()
    INSPECTION_DRAW.perform(draw, "cosign", by=person("supervisor"))
    return InspectionDraw.objects.get(pk=draw.pk)


def visit():
    return drawn().inspections.select_related("certificate__application__project__community").get()


def photo():
    return papers.photo("现场", "机房")


def recorded(*texts, mend_by=None):
    """An inspection that found these things."""
    row = visit()
    by = person("district_officer")
    for text in texts:
        inspecting.add_finding(by, row, text, mend_by or today() + 10 * DAY)
    inspecting.add_photo(by, row, photo())
    INSPECTION.perform(row, "record", by=by, visited_on=today(), notes="已到场")
    return row


def finding(*texts):
    return recorded(*(texts or ("门禁停用",))).rectifications.select_related("inspection__certificate").first()


def replied(row=None):
    row = row or finding()
    inspecting.add_rectification_proof(person("unit1"), row, papers.pdf("整改报告", f"{row.pk}"))
    RECTIFICATION.perform(row, "reply", by=person("unit1"), reply="已恢复")
    return row


class TestDrawing:
    @pytest.mark.parametrize("share, size", [(1, 1), (10, 1), (34, 2), (67, 3), (100, 3)])
    def test_the_share_of_all_stars_in_force_is_drawn_and_the_receipt_verifies(self, share, size):
        draw = drawn(1, 2, 3, share=share)
        assert (draw.state, draw.inspections.count(), verify_bytes(canonical_bytes(draw.receipt))) == (
            "drawn",
            size,
            [],
        )
        rows = {row.certificate.number: row.place for row in draw.inspections.select_related("certificate")}
        assert rows == {number: place for place, number in enumerate(draw.receipt["drawn"], 1)}
        assert {row.due_on for row in draw.inspections.all()} == {clock.deadline("inspection", today())}

    def test_only_stars_in_force_of_the_programme_are_on_the_list(self):
        awarded(1)
        for number, columns in (
            (2, {"state": "revoked"}),
            (3, {"stage": "design"}),
            (4, {"valid_until": today() - DAY}),
        ):
            published.certificate(f"示例·第{number}小区", number=number, **columns)
        assert proposed().frozen["numbers"] == ["CQ-ZHXQ-X-2026-00001"]

    def test_a_list_with_nobody_on_it_is_not_drawn(self):
        with scenes.refused() as problems:
            proposed()
        assert problems == [("list_empty", "")]

    @pytest.mark.parametrize("name", ["intake", "approver", "supervisor", "district_officer"])
    def test_nobody_but_an_organiser_proposes(self, name):
        with pytest.raises(NotAllowed):
            inspecting.propose(person(name), programme(), today().year, None)

    def test_a_year_is_drawn_once_and_only_this_one(self):
        drawn()
        with scenes.refused() as problems:
            inspecting.propose(person("organiser"), programme(), today().year - 1, None)
        assert problems == [("year", "year")]
        with scenes.refused() as problems:
            proposed()
        assert problems == [("double", "district")]

    def test_who_was_drawn_for_the_city_is_not_on_a_districts_list(self):
        draw = drawn(1, 2, 3, share=1)
        district = District.objects.get(name="渝北区")
        more = inspecting.propose(person("organiser"), programme(), today().year, district)
        assert set(more.frozen["numbers"]) == set(draw.frozen["numbers"]) - set(draw.receipt["drawn"])
        assert more.frozen["subject"] == f"smart_community/{today().year}/{district.pk}"

    def test_two_persons_start_it(self):
        awarded(1)
        draw = proposed()
        person("organiser").duties.create(duty="supervisor", since=today())
        with scenes.refused() as problems:
            INSPECTION_DRAW.perform(draw, "cosign", by=person("organiser"))
        assert problems == [("same_person", "")]

    def test_secrets_that_their_makers_keep_are_revealed_by_themselves_and_by_nobody_else(self):
        awarded(1)
        draw = proposed(secret_hash=secret_hash(ONE))
        with scenes.refused() as problems:
            INSPECTION_DRAW.perform(draw, "cosign", by=person("supervisor"), secret_hash=secret_hash(ONE))
        assert problems == [("secret_shared", "secret_hash")]
        INSPECTION_DRAW.perform(draw, "cosign", by=person("supervisor"), secret_hash=secret_hash(OTHER))
        assert inspecting.missing(draw) == ("organiser", "supervisor")
        for said, code in ((OTHER, "secret_changed"), ("x", "secret_form")):
            with scenes.refused() as problems:
                INSPECTION_DRAW.perform(draw, "reveal", by=person("organiser"), secret=said)
            assert problems == [(code, "secret")]
        INSPECTION_DRAW.perform(draw, "reveal", by=person("organiser"), secret=ONE)
        assert InspectionDraw.objects.get(pk=draw.pk).state == "revealing"
        INSPECTION_DRAW.perform(draw, "reveal", by=person("supervisor"), secret=OTHER)
        done = InspectionDraw.objects.get(pk=draw.pk)
        assert (done.state, done.receipt["organiser"]["secret"]) == ("drawn", ONE)
        secrets = {value for event in Event.objects.of(draw) for value in event.data.values() if value in (ONE, OTHER)}
        assert secrets == set()

    def test_a_public_value_is_of_a_day_after_both_were_bound(self):
        Programme.objects.update(public_source="示例开奖号码")
        awarded(1)
        draw = proposed()
        INSPECTION_DRAW.perform(draw, "cosign", by=person("supervisor"))
        with scenes.refused() as problems:
            INSPECTION_DRAW.perform(draw, "enter_public_value", by=person("organiser"), public_value="0471")
        assert problems == [("too_early", "public_value")]
        InspectionDraw.objects.update(state_since=timezone.now() - DAY)
        draw.refresh_from_db()
        INSPECTION_DRAW.perform(draw, "enter_public_value", by=person("organiser"), public_value="0471")
        done = InspectionDraw.objects.get(pk=draw.pk)
        assert (done.state, done.receipt["public_value"], verify_bytes(canonical_bytes(done.receipt))) == (
            "drawn",
            "0471",
            [],
        )

    def test_what_was_given_up_stays_and_another_may_be_proposed(self):
        awarded(1)
        draw = proposed()
        INSPECTION_DRAW.perform(draw, "give_up", by=person("supervisor"), reason="名单有误")
        assert Event.objects.of(draw).last().data["missing"] == ["supervisor"]
        assert proposed().pk != draw.pk
        assert InspectionDraw.objects.count() == 2

    def test_whoever_lost_the_star_since_the_list_was_frozen_is_not_visited_and_stays_in_the_receipt(self):
        awarded(1, 2)
        Parameter.objects.filter(pk="inspection_share").update(value=100)
        draw = proposed()
        Certificate.objects.filter(number__endswith="1").update(state="revoked")
        INSPECTION_DRAW.perform(draw, "cosign", by=person("supervisor"))
        done = InspectionDraw.objects.get(pk=draw.pk)
        assert (len(done.receipt["drawn"]), done.inspections.count()) == (2, 1)

    def test_the_parties_and_the_districts_hear_of_it(self):
        draw = drawn()
        told = {(row.user.username, row.event.verb) for row in Notification.objects.exclude(event=None)}
        assert told == {
            ("supervisor", "inspection_draw.propose"), ("organiser", "inspection_draw.cosign"),
            ("organiser", "inspection_draw.hold"), ("supervisor", "inspection_draw.hold"),
            ("district_officer", "inspection.draw"),
        }  # fmt: skip
        assert draw.drawn_at is not None


class TestPublicReceipt:
    def test_everybody_reads_the_receipt_of_a_held_draw_and_of_no_other(self, client):
        awarded(1)
        draw = proposed()
        addresses = [reverse(name, args=[draw.pk]) for name in ("inspection-receipt", "inspection-receipt-file")]
        api = f"/api/v1/inspection-draws/{draw.pk}/receipt/"
        unknown = [reverse(name, args=[draw.pk + 1]) for name in ("inspection-receipt", "inspection-receipt-file")]
        assert [client.get(page).status_code for page in (*addresses, api, *unknown)] == [404] * 5
        INSPECTION_DRAW.perform(draw, "cosign", by=person("supervisor"))
        pages = [client.get(page) for page in (*addresses, api)]
        assert [page.status_code for page in pages] == [200] * 3
        receipt = canonical_bytes(InspectionDraw.objects.get(pk=draw.pk).receipt)
        assert [page.content == receipt for page in pages] == [False, True, True]

    def test_the_list_of_held_draws_is_everybodys(self, client):
        awarded(1)
        draw = proposed()
        address = reverse("inspection-receipts")
        assert [row.pk for row in client.get(address).context["rows"]] == []
        INSPECTION_DRAW.perform(draw, "cosign", by=person("supervisor"))
        page = client.get(address)
        assert [row.pk for row in page.context["rows"]] == [draw.pk]
        assert client.get(address, HTTP_IF_NONE_MATCH=page["ETag"]).status_code == 304
        assert client.get(f"{address}?page=99999999999999999999").status_code == 200

    def test_an_unchanged_receipt_is_not_sent_again(self, client):
        address = reverse("inspection-receipt", args=[drawn().pk])
        page = client.get(address)
        assert client.get(address, HTTP_IF_NONE_MATCH=page["ETag"]).status_code == 304

    def test_before_it_is_held_no_page_and_no_answer_holds_a_secret(self, client):
        awarded(1)
        Programme.objects.update(public_source="示例开奖号码")
        draw = proposed(secret=ONE)
        INSPECTION_DRAW.perform(draw, "cosign", by=person("supervisor"), secret=OTHER)
        for name in ("organiser", "supervisor", "approver"):
            client.force_login(person(name))
            for page in (reverse("inspection-draws"), draw.get_absolute_url(), f"/api/v1/inspection-draws/{draw.pk}/"):
                text = client.get(page).content.decode()
                assert (ONE in text, OTHER in text) == (False, False)

    def test_a_longer_list_asks_no_more_questions(self, client):
        draw = drawn(1, share=100)
        counts = []
        for page in (1, 2):
            client.get(reverse("inspection-receipt", args=[draw.pk]))
            with CaptureQueriesContext(connection) as queries:
                client.get(reverse("inspection-receipt", args=[draw.pk]))
            counts.append(len(queries))
            if page == 1:
                INSPECTION_DRAW.model.objects.filter(pk=draw.pk).update(scope="500103")
                draw = drawn(*range(2, 6))
        assert counts[0] == counts[1]


class TestVisit:
    def test_a_visit_without_findings_closes_the_inspection(self):
        row = recorded()
        assert (row.state, row.visited_on, row.recorded_by) == ("closed", today(), person("district_officer"))

    def test_what_was_noted_is_told_when_the_visit_is_recorded(self):
        row = visit()
        by = person("district_officer")
        noted = inspecting.add_finding(by, row, "门禁停用", today() + 5 * DAY)
        inspecting.add_photo(by, row, photo())
        unit = person("unit1")
        assert not RECTIFICATION.visible_to(unit).exists()
        assert not inspecting.photos_for(unit, row).exists()
        INSPECTION.perform(row, "record", by=by, visited_on=today(), notes="已到场")
        noted.refresh_from_db()
        assert (row.state, noted.state, noted.due_on) == ("rectifying", "open", today() + 5 * DAY)
        assert list(RECTIFICATION.visible_to(unit)) == [noted]
        assert inspecting.photos_for(unit, row).count() == 1
        told = Notification.objects.filter(user=unit).values_list("event__verb", flat=True)
        assert list(told) == ["inspection.record"]

    def test_the_history_of_the_case_tells_the_unit_nothing_of_what_is_only_noted(self):
        row = visit()
        inspecting.add_finding(person("district_officer"), row, "门禁停用", today() + 5 * DAY)
        inspecting.add_photo(person("district_officer"), row, photo())
        project = row.project
        rows = list(project.applications.with_case())
        read = {
            name: {event.verb for event in events_for(reader_of(person(name), project, rows), project)}
            & {"rectification.note", "inspection.photo", "inspection.draw"}
            for name in ("unit1", "supervisor")
        }
        assert read == {
            "unit1": {"inspection.draw"}, "supervisor": {"rectification.note", "inspection.photo", "inspection.draw"},
        }  # fmt: skip

    @pytest.mark.parametrize(
        "said, expected",
        [
            ({"notes": "x"}, [("required", "visited_on"), ("photo_missing", "file")]),
            (
                {"visited_on": 1, "notes": ""},
                [("required", "notes"), ("date_future", "visited_on"), ("photo_missing", "file")],
            ),
            ({"visited_on": -1, "notes": "x"}, [("date_early", "visited_on"), ("photo_missing", "file")]),
        ],
    )
    def test_a_record_is_whole(self, said, expected):
        row = visit()
        said = {name: today() + value * DAY if name == "visited_on" else value for name, value in said.items()}
        with scenes.refused() as problems:
            INSPECTION.perform(row, "record", by=person("district_officer"), **said)
        assert problems == expected

    @pytest.mark.parametrize(
        "text, days, expected",
        [(" ", 1, [("required", "text")]), ("x", -1, [("date_past", "mend_by")]), ("长" * 2001, 1, [("too_long", "text")]),
         ("x", 40000, [("too_far", "mend_by")])],
    )  # fmt: skip
    def test_a_finding_says_what_and_until_when(self, text, days, expected):
        row = visit()
        with scenes.refused() as problems:
            inspecting.add_finding(person("district_officer"), row, text, today() + days * DAY)
        assert problems == expected

    @pytest.mark.parametrize("duty", ["organiser", "district_officer"])
    def test_an_officer_who_acts_for_the_unit_reads_nothing_that_is_only_noted(self, client, duty):
        row = visit()
        note = inspecting.add_finding(person("district_officer"), row, "门禁停用", today() + DAY)
        member = person("unit1")
        district = row.project.community.district if duty == "district_officer" else None
        Officer.objects.create(user=member, duty=duty, district=district, since=today() - DAY)
        assert list(rectifications_visible_to(member)) == []
        assert list(rectifications_visible_to(person("supervisor"))) == [note]
        client.force_login(member)
        assert client.get(f"/api/v1/rectifications/{note.pk}/").status_code == 404
        assert "门禁停用" not in client.get(row.get_absolute_url()).content.decode()

    def test_what_was_noted_is_taken_out_as_long_as_nobody_was_told(self):
        row = visit()
        noted = inspecting.add_finding(person("district_officer"), row, "误记", today() + DAY)
        inspecting.take_out_finding(person("district_officer"), noted)
        assert not Rectification.objects.exists()
        assert Event.objects.filter(verb="rectification.take_out").get().data["before"] == {"text": "误记"}

    def test_after_the_record_nothing_is_noted_and_no_photo_is_added(self):
        row = finding().inspection
        by = person("district_officer")
        for act in (
            lambda: inspecting.add_finding(by, row, "x", today() + DAY),
            lambda: inspecting.add_photo(by, row, photo()),
            lambda: inspecting.take_out_finding(by, row.rectifications.get()),
        ):
            with pytest.raises(Stale):
                act()

    @pytest.mark.parametrize("name", ["unit1", "supervisor", "organiser", "intake"])
    def test_nobody_else_inspects(self, name):
        row = visit()
        with pytest.raises(NotAllowed):
            inspecting.add_finding(person(name), row, "x", today() + DAY)
        assert "record" not in {act.action for act in INSPECTION.available(row, person(name))}

    def test_intake_inspects_where_the_district_has_no_officer(self):
        row = visit()
        Officer.objects.filter(duty="district_officer").delete()
        assert [act.action for act in INSPECTION.available(row, person("intake"))] == ["record"]
        assert {entry["key"] for entry in supervision_work.waiting_on(person("intake"))} == {f"inspection-{row.pk}"}

    def test_what_is_no_picture_is_no_photo(self):
        row = visit()
        with scenes.refused() as problems:
            inspecting.add_photo(person("district_officer"), row, ContentFile(b"<svg onload=alert(1)>", name="a.jpg"))
        assert [code for code, _place in problems] == ["file_type_unknown"]

    def test_an_inspection_of_a_certificate_that_ended_is_let_go_with_what_it_found(self):
        row = finding()
        Certificate.objects.update(state="revoked")
        assert supervising.let_go() == 2
        row.refresh_from_db()
        assert (row.state, Inspection.objects.get().state) == ("dropped", "dropped")


class TestPuttingRight:
    def test_a_reply_needs_a_proof_and_a_second_reply_a_new_one(self):
        row = finding()
        unit, officer = person("unit1"), person("district_officer")
        with scenes.refused() as problems:
            RECTIFICATION.perform(row, "reply", by=unit, reply="已恢复")
        assert problems == [("proof_missing", "file")]
        replied(row)
        RECTIFICATION.perform(row, "return", by=officer, reason="仍未恢复")
        assert (row.state, row.due_on, row.answer) == ("open", row.mend_by, "仍未恢复")
        with scenes.refused() as problems:
            RECTIFICATION.perform(row, "reply", by=unit, reply="已恢复")
        assert problems == [("proof_missing", "file")]

    def test_the_last_fault_that_is_closed_closes_the_inspection(self):
        first = finding("门禁停用", "对讲无声")
        second = Rectification.objects.exclude(pk=first.pk).get()
        for row, state in ((first, "rectifying"), (second, "closed")):
            replied(row)
            RECTIFICATION.perform(row, "close", by=person("district_officer"))
            assert Inspection.objects.get().state == state

    def test_a_fault_that_is_overdue_comes_before_the_supervisor_and_is_still_put_right(self):
        row = finding()
        Rectification.objects.update(due_on=today() - DAY, mend_by=today() - DAY)
        assert [enforce_deadlines(RECTIFICATION) for _ in range(2)] == [1, 0]
        row.refresh_from_db()
        assert (row.state, row.due_on) == ("overdue", today() - DAY)
        told = set(
            Notification.objects.filter(event__verb="rectification.escalate").values_list("user__username", flat=True)
        )
        assert told == {"unit1", "district_officer", "supervisor"}
        waits = {
            name
            for name in ("unit1", "supervisor", "district_officer")
            if any(supervision_work.waiting_on(person(name)))
        }
        assert waits == {"unit1", "supervisor"}
        replied(row)
        with scenes.refused() as problems:
            RECTIFICATION.perform(row, "return", by=person("district_officer"), reason="x")
        assert problems == [("term_over", "mend_by")]
        RECTIFICATION.perform(row, "return", by=person("district_officer"), reason="x", mend_by=today() + DAY)
        assert (row.state, row.due_on) == ("open", today() + DAY)

    def test_the_supervisor_alone_gives_another_term_once_it_is_overdue(self):
        row = finding()
        Rectification.objects.update(due_on=today() - DAY, mend_by=today() - DAY)
        enforce_deadlines(RECTIFICATION)
        row.refresh_from_db()
        may = {name: [act.action for act in RECTIFICATION.available(row, person(name))]
               for name in ("unit1", "supervisor", "district_officer", "organiser")}  # fmt: skip
        assert may == {"unit1": ["reply"], "supervisor": ["extend"], "district_officer": [], "organiser": []}
        RECTIFICATION.perform(row, "extend", by=person("supervisor"), reason="配件停产", mend_by=today() + 20 * DAY)
        assert (row.state, row.due_on) == ("open", today() + 20 * DAY)

    def test_the_same_proof_counts_once(self):
        row = finding()
        inspecting.add_rectification_proof(person("unit1"), row, papers.pdf("整改", "x"))
        with scenes.refused() as problems:
            inspecting.add_rectification_proof(person("unit1"), row, papers.pdf("整改", "x"))
        assert problems == [("double", "file")]


class TestPages:
    def test_a_reply_that_is_refused_keeps_what_was_typed(self, client):
        row = finding()
        client.force_login(person("unit1"))
        page = client.post(
            reverse("rectification-reply", args=[row.pk]), {"action": "reply", "reply": "写了很久的说明"}
        )
        text = page.content.decode()
        assert (page.status_code, "写了很久的说明" in text, "请上传本次整改后的照片或文件作为佐证。" in text) == (
            422,
            True,
            True,
        )

    def test_the_visit_is_done_on_its_page(self, client):
        row = visit()
        client.force_login(person("district_officer"))
        at = row.get_absolute_url()
        wrong = client.post(f"{at}findings/", {"text": "", "mend_by": "x"})
        assert (wrong.status_code, row.rectifications.count()) == (422, 0)
        client.post(f"{at}findings/", {"text": "门禁停用", "mend_by": (today() + DAY).isoformat()})
        client.post(f"{at}photos/", {"photo": photo(), "caption": "机房"})
        refused = client.post(at, {"action": "record", "visited_on": today().isoformat(), "notes": ""})
        assert refused.status_code == 422
        done = client.post(at, {"action": "record", "visited_on": today().isoformat(), "notes": "已到场"})
        assert (done.status_code, Inspection.objects.get().state) == (302, "rectifying")
        assert client.get(at).status_code == 200
        picture = row.photos.get()
        for name in ("inspection-photo-file", "inspection-photo-thumbnail"):
            page = client.get(reverse(name, args=[picture.pk]))
            assert (page.status_code, page.getvalue()[:2]) == (200, b"\xff\xd8")

    def test_the_draw_is_started_on_its_page_by_two(self, client):
        awarded(1)
        client.force_login(person("organiser"))
        wrong = client.post(reverse("inspection-draws"), {"programme": "smart_community", "keeping": "self"})
        assert wrong.status_code == 422
        made = client.post(
            reverse("inspection-draws"), {"programme": "smart_community", "keeping": "portal", "secret": ""}
        )
        draw = InspectionDraw.objects.get()
        assert (made.status_code, made.url) == (302, draw.get_absolute_url())
        client.force_login(person("supervisor"))
        done = client.post(draw.get_absolute_url(), {"action": "cosign", "keeping": "portal", "secret": ""})
        assert (done.status_code, InspectionDraw.objects.get().state) == (302, "drawn")
        assert client.get(draw.get_absolute_url()).status_code == 200

    @pytest.mark.parametrize("name, status", [("unit1", 403), ("district_officer", 403), ("intake", 200)])
    def test_draws_are_the_citys(self, client, name, status):
        draw = drawn()
        client.force_login(person(name))
        assert client.get(reverse("inspection-draws")).status_code == status
        assert client.get(draw.get_absolute_url()).status_code == (200 if status == 200 else 404)

    def test_longer_lists_ask_no_more_questions(self, client):
        """The list of inspections, the page of a draw, and that of an inspection with one fault and with three."""
        client.force_login(person("supervisor"))
        row = recorded("一")
        draw = row.draw
        published.certificate("示例·第9小区", number=9)
        last = Certificate.objects.latest("pk")
        Inspection.objects.create(draw=draw, certificate=last, place=8, state="drawn", due_on=today())
        pages = [reverse("supervision-inspections"), draw.get_absolute_url(), row.get_absolute_url()]
        counts = []
        for more in (False, True):
            if more:
                for number in range(2, 5):
                    published.certificate(f"示例·第{number}小区", number=number)
                for certificate in Certificate.objects.exclude(pk__in=[row.certificate_id, last.pk]):
                    Inspection.objects.create(
                        draw=draw, certificate=certificate, place=9, state="drawn", due_on=today()
                    )
                for text in ("二", "三"):
                    Rectification.objects.create(
                        inspection=row, text=text, mend_by=today(), state="open", due_on=today()
                    )
            for page in pages:
                client.get(page)
                with CaptureQueriesContext(connection) as queries:
                    assert client.get(page).status_code == 200
                counts.append(len(queries))
        assert counts[:3] == counts[3:]
