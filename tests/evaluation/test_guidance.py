"""Guidance while it is built: days proposed and moved, who comes along, what must be mended, what the city decides."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from io import BytesIO

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone
from PIL import Image

from evaluation import drawing, guidance, work
from evaluation.models import GuidanceSchedule, GuidanceVisit, Photo
from evaluation.workflow import GUIDANCE_COMPANION, GUIDANCE_OPINION, GUIDANCE_VISIT
from experts.models import Expert
from portal import clock
from portal.demo import construction, papers, people
from portal.machine import NotAllowed, Stale
from portal.models import Event, Notification
from portal.tasks import enforce_deadlines
from portal.workdays import years_later
from tests.evaluation import scenes

pytestmark = pytest.mark.django_db

TODAY = timezone.localdate()
DAY = timedelta(days=1)
APPLICANT, DISTRICT, ORGANISER, SUPERVISOR = "applicant", "district-1", "organiser", "supervisor"


world, own_files = scenes.shared_world()


@pytest.fixture(scope="module")
def pk(world):
    """A case whose design is certified."""
    return world.case_at("certified").pk


@pytest.fixture
def project(pk):
    return scenes.case(pk).project


def photo(text="一"):
    return papers.photo("现场", text)


def phone_photo():
    """A picture as a phone sends it: lying on its side, with time, place and the owner's name in its metadata."""
    image = Image.new("RGB", (60, 40), "navy")
    image.paste("white", (0, 0, 10, 40))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x013B] = 6, "PhoneMaker", "示例机主"
    exif.get_ifd(0x8769)[0x9003] = "2026:03:04 05:06:07"
    exif.get_ifd(0x8825).update({1: "N", 2: (29.0, 30.0, 0.0), 3: "E", 4: (106.0, 15.0, 0.0)})
    buffer = BytesIO()
    image.save(buffer, "JPEG", exif=exif)
    return ContentFile(buffer.getvalue(), name="IMG_0001.JPG")


def person(username):
    return scenes.person(username)


def planned(project, day=TODAY):
    return guidance.plan_visit(people.district_officer_of(project), project, "conduits", day)


def opened(project):
    """A recorded visit with one opinion."""
    visit = planned(project)
    construction.record(visit)
    return visit


def passes(row, days=1):
    """The last day of a row lies that many days back, as the sweep finds it."""
    type(row).objects.filter(pk=row.pk).update(due_on=TODAY - days * DAY)
    row.refresh_from_db()


def waits_on(username, row):
    return f"{row._meta.model_name}-{row.pk}" in {
        entry.key.replace("guidance-", "guidance") for entry in work.waiting_on(person(username))
    }


def declined(project):
    """An opinion that the applicant does not want to follow."""
    opinion = opened(project).opinions.get()
    GUIDANCE_OPINION.perform(opinion, "decline", by=person(APPLICANT), reason="已按图施工")
    return opinion


def escalated(project):
    opinion = declined(project)
    GUIDANCE_OPINION.perform(opinion, "escalate", by=person(DISTRICT), reason="影响验收")
    return opinion


class TestThePlan:
    def test_a_day_is_proposed_from_the_days_of_construction_and_never_after_them(self, project):
        begins = TODAY + 10 * DAY
        guidance.give_schedule(person(APPLICANT), project, "conduits", begins, begins + 40 * DAY)
        guidance.give_schedule(person(APPLICANT), project, "installation", begins, begins + DAY)
        plans = guidance.plan_of(project, [])
        assert [plan.proposed_on for plan in plans] == [clock.deadline("guidance_visit", begins), begins + DAY, None]

    def test_another_schedule_takes_the_place_of_the_first_which_stays_on_record(self, project):
        for ends in (TODAY + DAY, TODAY + 2 * DAY):
            guidance.give_schedule(person(APPLICANT), project, "conduits", TODAY, ends)
        assert GuidanceSchedule.objects.get(project=project).ends_on == TODAY + 2 * DAY
        last = Event.objects.of(project).filter(verb="project.schedule").last()
        assert last.data["before"] == {"begins_on": TODAY.isoformat(), "ends_on": (TODAY + DAY).isoformat()}
        assert (last.data["place"], last.data["ends_on"]) == ("管线预埋", (TODAY + 2 * DAY).isoformat())

    def test_a_schedule_has_an_order_a_known_node_and_its_own_writer(self, project):
        with scenes.refused() as problems:
            guidance.give_schedule(person(APPLICANT), project, "roof", TODAY, TODAY - DAY)
        assert problems == [("node_unknown", "node"), ("date_order", "ends_on")]
        for username in (DISTRICT, "other-applicant", "consultant", SUPERVISOR):
            with pytest.raises(NotAllowed):
                guidance.give_schedule(person(username), project, "conduits", TODAY, TODAY)

    @pytest.mark.parametrize(
        "far", [date(9999, 12, 31), years_later(TODAY, 20) + DAY], ids=["a digit too many", "a day"]
    )
    def test_a_day_too_far_is_refused_beside_its_field_before_anything_is_counted_from_it(self, project, far):
        with scenes.refused() as problems:
            guidance.give_schedule(person(APPLICANT), project, "conduits", far, far)
        assert problems == [("too_far", "ends_on")]
        with scenes.refused() as problems:
            planned(project, far)
        assert problems == [("too_far", "planned_on")]
        visit = planned(project)
        with scenes.refused() as problems:
            GUIDANCE_VISIT.perform(visit, "move", by=person(DISTRICT), planned_on=far, reason="示例")
        assert problems == [("too_far", "planned_on")]

    def test_the_last_day_that_can_be_planned_is_taken(self, project):
        last = years_later(TODAY, 20)
        guidance.give_schedule(person(APPLICANT), project, "conduits", last, last)
        assert [row.proposed_on for row in guidance.plan_of(project, []) if row.schedule] == [last]

    def test_the_officer_of_the_district_plans_several_visits_at_one_node(self, project):
        visits = [planned(project, TODAY + 3 * DAY), planned(project, TODAY + 9 * DAY)]
        assert [(row.state, row.due_on, row.node_name) for row in visits] == [
            ("planned", TODAY + 3 * DAY, "管线预埋"), ("planned", TODAY + 9 * DAY, "管线预埋"),
        ]  # fmt: skip
        assert visits[0].visitor == people.district_officer_of(project)
        assert [event.verb for event in Event.objects.of(visits[0])] == ["guidance_visit.plan"]

    @pytest.mark.parametrize("username", [APPLICANT, "district-2", "intake", SUPERVISOR, "expert-001"])
    def test_nobody_else_plans_one(self, project, username):
        with pytest.raises(NotAllowed):
            guidance.plan_visit(person(username), project, "conduits", TODAY)

    def test_an_unknown_node_a_day_gone_by_and_an_uncertified_design_are_refused_at_once(self, world):
        project = world.case_at("draft").project
        with scenes.refused() as problems:
            guidance.plan_visit(people.district_officer_of(project), project, "roof", TODAY - DAY)
        assert problems == [("node_unknown", "node"), ("date_past", "planned_on"), ("too_early", "node")]

    def test_a_visit_is_moved_with_a_reason_and_both_days_are_on_record(self, project):
        visit = planned(project)
        with scenes.refused() as problems:
            GUIDANCE_VISIT.perform(visit, "move", by=person(DISTRICT), planned_on=TODAY - DAY, reason="")
        assert problems == [("required", "reason"), ("date_past", "planned_on")]
        event = GUIDANCE_VISIT.perform(visit, "move", by=person(DISTRICT), planned_on=TODAY + 7 * DAY, reason="下雨")
        visit = GuidanceVisit.objects.get(pk=visit.pk)
        assert (visit.planned_on, visit.due_on, visit.state) == (TODAY + 7 * DAY, TODAY + 7 * DAY, "planned")
        assert (event.data["before"], event.data["planned_on"]) == (
            {"planned_on": TODAY.isoformat()}, (TODAY + 7 * DAY).isoformat(),
        )  # fmt: skip

    def test_a_plan_may_be_cancelled_with_words_and_is_then_over(self, project):
        visit, by = planned(project), people.district_officer_of(project)
        GUIDANCE_VISIT.perform(visit, "cancel", by=by, reason="停工")
        assert (visit.state, visit.due_on) == ("cancelled", None)
        with pytest.raises(Stale):
            guidance.add_photo(by, visit, photo())


class TestARecordThatIsLate:
    def test_it_is_awaited_for_its_days_and_then_brought_before_the_city(self, project):
        visit = planned(project)
        passes(visit)
        enforce_deadlines(GUIDANCE_VISIT)
        visit.refresh_from_db()
        assert (visit.state, visit.due_on) == ("unrecorded", clock.deadline("guidance_record", TODAY))
        assert (waits_on(DISTRICT, visit), waits_on(ORGANISER, visit)) == (True, False)
        passes(visit)
        Notification.objects.all().delete()
        for _again in range(2):
            enforce_deadlines(GUIDANCE_VISIT)
        visit.refresh_from_db()
        assert (visit.state, visit.due_on) == ("overdue", clock.deadline("guidance_decision", TODAY))
        assert [waits_on(name, visit) for name in (DISTRICT, ORGANISER, SUPERVISOR, APPLICANT)] == [
            True,
            True,
            True,
            False,
        ]
        told = Notification.objects.filter(link=visit.get_absolute_url()).values_list("user__username", flat=True)
        assert sorted(told) == [ORGANISER, SUPERVISOR]

    def test_the_city_gives_another_day_and_the_district_may_still_record(self, project):
        visit = planned(project)
        for _twice in range(2):
            passes(visit)
            enforce_deadlines(GUIDANCE_VISIT)
        visit.refresh_from_db()
        with pytest.raises(NotAllowed):
            GUIDANCE_VISIT.perform(visit, "reset", by=person(DISTRICT), planned_on=TODAY, reason="x")
        GUIDANCE_VISIT.perform(visit, "reset", by=person(ORGANISER), planned_on=TODAY + 2 * DAY, reason="换人到场")
        assert (visit.state, visit.due_on) == ("planned", TODAY + 2 * DAY)
        construction.record(visit)
        assert visit.state == "open"


class TestARecord:
    def test_it_needs_its_day_words_and_a_photo(self, project):
        visit, by = planned(project), people.district_officer_of(project)
        with scenes.refused() as problems:
            GUIDANCE_VISIT.perform(visit, "record", by=by, visited_on=TODAY + DAY, notes="")
        assert problems == [("required", "notes"), ("date_future", "visited_on"), ("photo_missing", "photo")]
        guidance.add_photo(by, visit, photo())
        GUIDANCE_VISIT.perform(visit, "record", by=by, visited_on=TODAY, notes=" 进度正常 ")
        visit = GuidanceVisit.objects.get(pk=visit.pk)
        assert (visit.state, visit.visited_on, visit.notes) == ("open", TODAY, "进度正常")
        assert visit.due_on == clock.deadline("guidance_record", TODAY)

    def test_a_visit_lasts_as_long_as_its_last_opinion(self, project):
        visit = opened(project)
        assert GuidanceVisit.objects.get(pk=visit.pk).due_on == TODAY + 14 * DAY
        guidance.add_opinion(person(DISTRICT), visit, "再查一处", TODAY + 30 * DAY)
        assert GuidanceVisit.objects.get(pk=visit.pk).due_on == TODAY + 30 * DAY

    def test_an_opinion_says_what_by_when_how_grave_and_at_which_item(self, project):
        visit, by = planned(project), people.district_officer_of(project)
        with scenes.refused() as problems:
            guidance.add_opinion(by, visit, " ", TODAY - DAY, "0.0.0", "deadly")
        assert problems == [
            ("required", "text"), ("date_past", "due_on"), ("item_unknown", "item_code"), ("severity_unknown", "severity"),
        ]  # fmt: skip
        row = guidance.add_opinion(by, visit, " 补标识 ", TODAY, "4.1.1", "critical")
        assert (row.state, row.text, row.item_code, row.severity) == ("open", "补标识", "4.1.1", "critical")
        assert (row.due_on, row.mend_by) == (TODAY, TODAY)

    def test_each_side_does_its_own_part_only(self, project):
        visit = opened(project)
        opinion = visit.opinions.get()
        officer, applicant, stranger = people.district_officer_of(project), person(APPLICANT), person("district-2")
        for by, subject in ((applicant, visit), (officer, opinion), (stranger, visit), (stranger, opinion)):
            with pytest.raises(NotAllowed):
                guidance.add_photo(by, subject, photo("越权"))
        for by in (officer, stranger):
            with pytest.raises(NotAllowed):
                guidance.add_file(by, opinion, papers.pdf("整改", "越权"))
        for by in (applicant, stranger):
            for act in (
                lambda by=by: guidance.add_opinion(by, visit, "意见", TODAY),
                lambda by=by: guidance.add_note(by, visit, "记要"),
                lambda by=by: GUIDANCE_VISIT.perform(visit, "close", by=by),
            ):
                with pytest.raises(NotAllowed):
                    act()
        with pytest.raises(NotAllowed):
            GUIDANCE_OPINION.perform(opinion, "reply", by=officer, reply="自答")
        assert Photo.objects.filter(opinion=opinion).count() == 0

    def test_the_applicant_hears_of_plan_opinion_and_record_and_the_district_of_the_reply(self, project):
        Notification.objects.all().delete()
        visit = opened(project)
        heard = Notification.objects.filter(link=visit.get_absolute_url())
        assert list(heard.order_by("pk").values_list("user__username", "event__verb")) == [
            (APPLICANT, "guidance_visit.plan"), (APPLICANT, "guidance_opinion.open"), (APPLICANT, "guidance_visit.record"),
        ]  # fmt: skip
        heard.delete()
        construction.answer(visit)
        assert list(heard.values_list("user__username", flat=True)) == [people.district_officer_of(project).username]


class TestAnOpinion:
    def test_it_lives_until_the_district_is_content(self, project):
        visit = opened(project)
        officer, applicant = people.district_officer_of(project), person(APPLICANT)
        opinion = visit.opinions.get()
        term = opinion.due_on
        with scenes.refused() as problems:
            GUIDANCE_OPINION.perform(opinion, "reply", by=applicant, reply="")
        assert problems == [("required", "reply"), ("proof_missing", "photo")]
        with scenes.refused() as problems:
            GUIDANCE_VISIT.perform(visit, "close", by=officer)
        assert problems == [("opinion_open", "opinions")]
        guidance.add_file(applicant, opinion, papers.pdf("整改报告", "一"))
        GUIDANCE_OPINION.perform(opinion, "reply", by=applicant, reply=" 已补 ")
        assert (opinion.state, opinion.reply) == ("replied", "已补")
        assert (opinion.due_on, opinion.mend_by) == (clock.deadline("guidance_check", TODAY), term)
        with pytest.raises(Stale):  # it is read now
            guidance.add_photo(applicant, opinion, photo("改二"))
        GUIDANCE_OPINION.perform(opinion, "return", by=officer, reason="照片不清")
        assert (opinion.state, opinion.due_on) == ("open", term)
        with scenes.refused() as problems:  # what was returned once proves nothing the second time
            GUIDANCE_OPINION.perform(opinion, "reply", by=applicant, reply="重拍")
        assert problems == [("proof_missing", "photo")]
        guidance.add_photo(applicant, opinion, photo("重拍"))
        GUIDANCE_OPINION.perform(opinion, "reply", by=applicant, reply="重拍")
        GUIDANCE_OPINION.perform(opinion, "close", by=officer)
        GUIDANCE_VISIT.perform(visit, "close", by=officer)
        assert (opinion.state, opinion.due_on, visit.state, visit.due_on) == ("closed", None, "closed", None)
        with pytest.raises(Stale):
            guidance.add_opinion(officer, visit, "再补", TODAY)

    def test_returned_after_its_term_it_gets_another(self, project):
        opinion = declined(project)
        type(opinion).objects.filter(pk=opinion.pk).update(mend_by=TODAY - DAY)
        opinion.refresh_from_db()
        with scenes.refused() as problems:
            GUIDANCE_OPINION.perform(opinion, "return", by=person(DISTRICT), reason="须整改")
        assert problems == [("term_over", "mend_by")]
        GUIDANCE_OPINION.perform(opinion, "return", by=person(DISTRICT), reason="须整改", mend_by=TODAY + 40 * DAY)
        opinion.refresh_from_db()
        assert (opinion.state, opinion.due_on, opinion.mend_by) == ("open", TODAY + 40 * DAY, TODAY + 40 * DAY)
        assert GuidanceVisit.objects.get(pk=opinion.visit_id).due_on == TODAY + 40 * DAY

    def test_overdue_it_comes_before_the_city_once_and_may_still_be_mended(self, project):
        opinion = opened(project).opinions.get()
        passes(opinion)
        for _again in range(2):
            enforce_deadlines(GUIDANCE_OPINION)
        opinion.refresh_from_db()
        assert (opinion.state, opinion.trouble) == ("escalated", "逾期未整改")
        assert opinion.due_on == clock.deadline("guidance_decision", TODAY)
        assert [waits_on(name, opinion) for name in (ORGANISER, SUPERVISOR, DISTRICT, APPLICANT)] == [
            True,
            True,
            False,
            False,
        ]
        guidance.add_photo(person(APPLICANT), opinion, photo("迟到的整改"))
        GUIDANCE_OPINION.perform(opinion, "reply", by=person(APPLICANT), reply="已整改")
        assert opinion.state == "replied"

    def test_who_refuses_to_mend_says_why_and_the_district_brings_it_up_with_its_own_words(self, project):
        opinion = escalated(project)
        opinion.refresh_from_db()
        assert opinion.trouble.splitlines() == ["已按图施工", "影响验收"]

    def test_a_district_that_does_not_decide_is_passed_over(self, project):
        opinion = declined(project)
        passes(opinion)
        enforce_deadlines(GUIDANCE_OPINION)
        opinion.refresh_from_db()
        assert opinion.state == "escalated"
        assert opinion.trouble.splitlines()[0] == "已按图施工"

    @pytest.mark.parametrize(
        "action,said,state,due_on",
        [
            ("extend", {"mend_by": TODAY + 5 * DAY}, "open", TODAY + 5 * DAY),
            ("note", {}, "noted", None),
            ("stop", {}, "stopped", None),
        ],
    )
    @pytest.mark.parametrize("username", [ORGANISER, SUPERVISOR])
    def test_the_city_decides(self, project, username, action, said, state, due_on):
        opinion = escalated(project)
        with pytest.raises(NotAllowed):
            GUIDANCE_OPINION.perform(opinion, action, by=person(DISTRICT), reason="x", **said)
        GUIDANCE_OPINION.perform(opinion, action, by=person(username), reason=" 按会商意见 ", **said)
        opinion.refresh_from_db()
        assert (opinion.state, opinion.due_on, opinion.ruling) == (state, due_on, "按会商意见")

    def test_another_term_lies_ahead_and_has_a_reason(self, project):
        opinion = escalated(project)
        with scenes.refused() as problems:
            GUIDANCE_OPINION.perform(opinion, "extend", by=person(ORGANISER), reason="", mend_by=TODAY - DAY)
        assert problems == [("required", "reason"), ("date_past", "mend_by")]

    def test_noted_for_completion_it_keeps_no_visit_open(self, project):
        opinion = escalated(project)
        GUIDANCE_OPINION.perform(opinion, "note", by=person(SUPERVISOR), reason="竣工核对")
        visit = GuidanceVisit.objects.get(pk=opinion.visit_id)
        GUIDANCE_VISIT.perform(visit, "close", by=person(DISTRICT))
        assert visit.state == "closed"


def expert(project):
    """One who may come along: serving, of no party, on no panel of the case."""
    application = project.applications.with_case().get()
    sat = application.assignments.values("expert")
    return (
        Expert.objects.serving(TODAY)
        .exclude(pk__in=[*drawing.conflicts(application, TODAY)])
        .exclude(pk__in=sat)
        .first()
    )


class TestComingAlong:
    def test_an_expert_is_asked_comes_notes_and_never_judges_the_case(self, project):
        visit, found = planned(project, TODAY + 9 * DAY), expert(project)
        row = guidance.ask_companion(person(DISTRICT), visit, found)
        assert (row.state, row.due_on) == ("asked", clock.deadline("guidance_companion", TODAY))
        own = person(found.user.username)
        assert f"guidance-companion-{row.pk}" in {entry.key for entry in work.waiting_on(own)}
        with pytest.raises(NotAllowed):  # asked is not yet come
            guidance.add_note(own, visit, "看过图纸")
        GUIDANCE_COMPANION.perform(row, "come", by=own)
        guidance.add_note(own, visit, " 看过图纸 ")
        guidance.add_photo(own, visit, photo("专家拍"))
        assert [(note.text, note.by) for note in visit.remarks.all()] == [("看过图纸", own)]
        application = project.applications.with_case().get()
        assert drawing.conflicts(application, TODAY)[found.pk] == "drafted_or_advised"
        with pytest.raises(NotAllowed):
            guidance.add_opinion(own, visit, "越权", TODAY)

    def test_an_expert_who_declines_is_free_to_judge(self, project):
        found = expert(project)
        row = guidance.ask_companion(person(DISTRICT), planned(project), found)
        GUIDANCE_COMPANION.perform(row, "decline", by=person(found.user.username))
        application = project.applications.with_case().get()
        assert found.pk not in drawing.conflicts(application, TODAY)

    def test_whoever_judged_the_case_is_not_asked_nor_anybody_twice(self, project):
        visit, found = planned(project), expert(project)
        panelist = project.applications.get().assignments.filter(state="signed").first().expert
        with scenes.refused() as problems:
            guidance.ask_companion(person(DISTRICT), visit, panelist)
        assert problems == [("panelist", "expert")]
        guidance.ask_companion(person(DISTRICT), visit, found)
        with scenes.refused() as problems:
            guidance.ask_companion(person(DISTRICT), visit, found)
        assert problems == [("double", "expert")]

    def test_only_the_district_asks_and_only_the_expert_answers(self, project):
        visit, found = planned(project), expert(project)
        for username in (APPLICANT, ORGANISER, "district-2"):
            with pytest.raises(NotAllowed):
                guidance.ask_companion(person(username), visit, found)
        row = guidance.ask_companion(person(DISTRICT), visit, found)
        for username in (APPLICANT, DISTRICT, ORGANISER):
            with pytest.raises(NotAllowed):
                GUIDANCE_COMPANION.perform(row, "come", by=person(username))


class TestPhotos:
    def test_a_photo_is_turned_upright_and_time_and_place_are_kept_beside_it(self, project):
        row = guidance.add_photo(people.district_officer_of(project), planned(project), phone_photo(), " 机房 ")
        row.refresh_from_db()
        assert row.taken_at == timezone.make_aware(datetime(2026, 3, 4, 5, 6, 7))
        assert row.taken_at.astimezone(UTC).hour == 21  # a camera runs on the city's clock
        assert (row.latitude, row.longitude) == (29.5, 106.25)
        assert (row.caption, row.kind, row.content_type) == ("机房", "jpg", "image/jpeg")
        for file in (row.file, row.thumbnail):
            with file.open() as stream:
                content = stream.read()
            image = Image.open(BytesIO(content))
            assert image.size == (40, 60)
            assert dict(image.getexif()) == {}
            assert b"PhoneMaker" not in content
            assert "示例机主".encode() not in content
            assert image.getpixel((20, 2))[0] > 200  # the white edge was on the left and is on top now
            assert image.getpixel((20, 55))[0] < 60
        assert row.size == row.file.size

    @pytest.mark.parametrize(
        "upload,code",
        [
            (lambda: papers.pdf("图纸", "一"), "file_type_not_allowed"),
            (lambda: ContentFile(phone_photo().read()[:300], name="half.jpg"), "image_damaged"),
            (lambda: ContentFile(b"", name="none.jpg"), "file_empty"),
        ],
    )
    def test_what_is_no_whole_picture_is_refused(self, project, upload, code):
        visit = planned(project)
        with scenes.refused() as problems:
            guidance.add_photo(visit.visitor, visit, upload())
        assert [found for found, _place in problems] == [code]
        assert visit.photos.count() == 0

    @pytest.mark.parametrize(
        "upload,code",
        [
            (lambda: ContentFile(b"<html><script>alert(1)</script>", name="report.pdf"), "file_type_unknown"),
            (lambda: ContentFile(b"MZ" + b"\0" * 200, name="report.xlsx"), "file_type_unknown"),
            (lambda: ContentFile(b"", name="report.pdf"), "file_empty"),
        ],
    )
    def test_what_is_no_document_proves_nothing(self, project, upload, code):
        opinion = opened(project).opinions.get()
        with scenes.refused() as problems:
            guidance.add_file(person(APPLICANT), opinion, upload())
        assert [found for found, _place in problems] == [code]
        assert opinion.files.count() == 0
