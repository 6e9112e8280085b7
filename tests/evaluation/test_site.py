"""On site: the life of guidance and its opinions, photos without what they must not tell, and two signatures on one text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone
from PIL import Image

from evaluation import site
from evaluation.models import GuidanceVisit, Photo, SiteVisit
from evaluation.workflow import APPLICATION, GUIDANCE_OPINION, GUIDANCE_VISIT
from portal import clock
from portal.demo import construction, journey, papers, people
from portal.machine import NotAllowed, Stale
from portal.models import Event, Notification
from tests.evaluation import scenes

pytestmark = pytest.mark.django_db

TODAY = timezone.localdate()
DAY = timedelta(days=1)


world, own_files = scenes.shared_world()


@pytest.fixture(scope="module")
def pk(world):
    """An application for completion whose panel is about to visit."""
    return world.case_at("site_visit", "completion").pk


@pytest.fixture
def visited(pk):
    return scenes.case(pk)


@pytest.fixture
def project(pk):
    """Its project, whose design is certified."""
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


def planned(project):
    return site.plan_visit(people.district_officer_of(project), project, "conduits", TODAY)


def opened(project):
    """A recorded visit with one opinion."""
    visit = planned(project)
    construction.record(visit)
    return visit


class TestPlanning:
    def test_the_officer_of_the_district_plans_a_visit_at_a_node(self, project):
        visit = site.plan_visit(people.district_officer_of(project), project, "installation", TODAY + 3 * DAY)
        assert (visit.state, visit.due_on, visit.node_name) == ("planned", TODAY + 3 * DAY, "设备安装")
        assert visit.visitor == people.district_officer_of(project)
        assert [event.verb for event in Event.objects.of(visit)] == ["guidance_visit.plan"]

    @pytest.mark.parametrize("username", ["applicant", "district-2", "intake", "supervisor", "expert-001"])
    def test_nobody_else_plans_one(self, project, username):
        with pytest.raises(NotAllowed):
            site.plan_visit(scenes.person(username), project, "conduits", TODAY)

    def test_an_unknown_node_and_an_uncertified_design_are_refused_at_once(self, world):
        project = world.case_at("draft").project
        with scenes.refused() as problems:
            site.plan_visit(people.district_officer_of(project), project, "roof", TODAY)
        assert problems == [("node_unknown", "node"), ("too_early", "node")]

    def test_a_plan_may_be_cancelled_with_words_and_is_then_over(self, project):
        visit, by = planned(project), people.district_officer_of(project)
        GUIDANCE_VISIT.perform(visit, "cancel", by=by, reason="停工")
        assert (visit.state, visit.due_on) == ("cancelled", None)
        with pytest.raises(Stale):
            site.add_photo(by, visit, photo())


class TestGuidance:
    def test_a_record_needs_its_day_words_and_a_photo(self, project):
        visit, by = planned(project), people.district_officer_of(project)
        with scenes.refused() as problems:
            GUIDANCE_VISIT.perform(visit, "record", by=by, visited_on=TODAY + DAY, notes="")
        assert problems == [("required", "notes"), ("date_future", "visited_on"), ("photo_missing", "photo")]
        site.add_photo(by, visit, photo())
        GUIDANCE_VISIT.perform(visit, "record", by=by, visited_on=TODAY, notes=" 进度正常 ")
        visit = GuidanceVisit.objects.get(pk=visit.pk)
        assert (visit.state, visit.visited_on, visit.notes) == ("open", TODAY, "进度正常")
        assert visit.due_on == clock.deadline("guidance_record", TODAY)

    def test_an_opinion_lives_until_the_district_is_content(self, project):
        visit = opened(project)
        officer, applicant = people.district_officer_of(project), scenes.person("applicant")
        opinion = visit.opinions.get()
        due_on = opinion.due_on
        with scenes.refused() as problems:
            GUIDANCE_OPINION.perform(opinion, "reply", by=applicant, reply="")
        assert problems == [("required", "reply"), ("photo_missing", "photo")]
        with scenes.refused() as problems:
            GUIDANCE_VISIT.perform(visit, "close", by=officer)
        assert problems == [("opinion_open", "opinions")]
        site.add_photo(applicant, opinion, photo("改一"))
        GUIDANCE_OPINION.perform(opinion, "reply", by=applicant, reply=" 已补 ")
        assert (opinion.state, opinion.reply, opinion.due_on) == ("replied", "已补", due_on)
        with pytest.raises(Stale):  # it is read now
            site.add_photo(applicant, opinion, photo("改二"))
        GUIDANCE_OPINION.perform(opinion, "return", by=officer, reason="照片不清")
        assert (opinion.state, opinion.due_on) == ("open", due_on)
        GUIDANCE_OPINION.perform(opinion, "reply", by=applicant, reply="重拍")
        GUIDANCE_OPINION.perform(opinion, "close", by=officer)
        GUIDANCE_VISIT.perform(visit, "close", by=officer)
        assert (opinion.state, opinion.due_on, visit.state, visit.due_on) == ("closed", None, "closed", None)
        with pytest.raises(Stale):
            site.add_opinion(officer, visit, "再补", TODAY)

    def test_each_side_does_its_own_part_only(self, project):
        visit = opened(project)
        opinion = visit.opinions.get()
        officer, applicant, stranger = (
            people.district_officer_of(project), scenes.person("applicant"), scenes.person("district-2"),
        )  # fmt: skip
        for by, subject in ((applicant, visit), (officer, opinion), (stranger, visit), (stranger, opinion)):
            with pytest.raises(NotAllowed):
                site.add_photo(by, subject, photo("越权"))
        for by in (applicant, stranger):
            with pytest.raises(NotAllowed):
                site.add_opinion(by, visit, "意见", TODAY)
            with pytest.raises(NotAllowed):
                GUIDANCE_VISIT.perform(visit, "close", by=by)
        with pytest.raises(NotAllowed):
            GUIDANCE_OPINION.perform(opinion, "reply", by=officer, reply="自答")
        assert Photo.objects.filter(opinion=opinion).count() == 0

    def test_an_opinion_says_what_by_when_and_at_which_item(self, project):
        visit, by = planned(project), people.district_officer_of(project)
        with scenes.refused() as problems:
            site.add_opinion(by, visit, " ", TODAY - DAY, "0.0.0")
        assert problems == [("required", "text"), ("date_past", "due_on"), ("item_unknown", "item_code")]
        opinion = site.add_opinion(by, visit, " 补标识 ", TODAY, "4.1.1")
        assert (opinion.state, opinion.text, opinion.item_code, opinion.due_on) == ("open", "补标识", "4.1.1", TODAY)

    def test_the_applicant_hears_of_the_record_and_the_district_of_the_reply(self, project):
        Notification.objects.all().delete()
        visit = opened(project)
        heard = Notification.objects.filter(link=visit.get_absolute_url())
        assert list(heard.values_list("user__username", flat=True)) == ["applicant"]
        heard.delete()
        construction.answer(visit)
        assert list(heard.values_list("user__username", flat=True)) == [people.district_officer_of(project).username]


class TestPhotos:
    def test_a_photo_is_turned_upright_and_time_and_place_are_kept_beside_it(self, project):
        row = site.add_photo(people.district_officer_of(project), planned(project), phone_photo(), " 机房 ")
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
            site.add_photo(visit.visitor, visit, upload())
        assert [found for found, _place in problems] == [code]
        assert visit.photos.count() == 0


def leader(application):
    return journey.leader_of(application)


def written(application):
    site.record_site_visit(leader(application), application, TODAY, "示例：一致。")
    site.add_photo(leader(application), application, photo("核查"))


def signatures(application):
    visit = site.site_visit_of(application)
    return visit.expert_signed_by, visit.applicant_signed_by


class TestSiteVisit:
    def test_a_record_is_written_before_it_is_signed(self, visited):
        for by in (leader(visited), scenes.person("applicant")):
            with scenes.refused() as problems:
                site.sign_site_visit(by, visited)
            assert problems == [("record_missing", "summary"), ("photo_missing", "photo")]

    def test_the_record_says_when_and_what(self, visited):
        with scenes.refused() as problems:
            site.record_site_visit(leader(visited), visited, TODAY + DAY, " ")
        assert problems == [("date_future", "visited_on"), ("required", "summary")]
        for code, text, expected in (
            ("5.1.5", " ", ("required", "text")),
            ("11.2.1", "x", ("item_unknown", "item_code")),
        ):
            with scenes.refused() as problems:
                site.record_site_finding(leader(visited), visited, code, True, text)
            assert problems == [expected]

    def test_a_finding_is_one_an_item_and_the_last_word_holds(self, visited):
        site.record_site_finding(leader(visited), visited, "4.1.1", True, "一致")
        site.record_site_finding(leader(visited), visited, "4.1.1", False, " 缺一处 ")
        (finding,) = site.site_visit_of(visited).findings.all()
        assert (finding.agrees, finding.text, finding.by) == (False, "缺一处", leader(visited))

    def test_both_sides_sign_before_the_panel_marks(self, visited):
        written(visited)
        expert, applicant = leader(visited), scenes.person("applicant")
        with scenes.refused() as problems:
            APPLICATION.perform(visited, "finish_site_visit", by=expert)
        assert problems == [("expert_unsigned", "signature"), ("applicant_unsigned", "signature")]
        site.sign_site_visit(expert, visited)
        with scenes.refused() as problems:
            APPLICATION.perform(visited, "finish_site_visit", by=expert)
        assert problems == [("applicant_unsigned", "signature")]
        site.sign_site_visit(applicant, visited)
        assert signatures(visited) == (expert, applicant)
        APPLICATION.perform(visited, "finish_site_visit", by=expert)
        assert visited.state == "review"
        with pytest.raises(Stale):
            site.record_site_visit(expert, visited, TODAY, "改写")

    @pytest.mark.parametrize(
        "change",
        [
            lambda by, case: site.record_site_visit(by, case, TODAY, "另写"),
            lambda by, case: site.record_site_finding(by, case, "4.1.1", False, "不一致"),
            lambda by, case: site.add_photo(by, case, photo("又一张")),
        ],
        ids=["text", "finding", "photo"],
    )
    def test_signatures_fall_away_when_the_record_changes(self, visited, change):
        written(visited)
        site.sign_site_visit(leader(visited), visited)
        site.sign_site_visit(scenes.person("applicant"), visited)
        change(people.district_officer_of(visited.project), visited)
        assert signatures(visited) == (None, None)
        visit = site.site_visit_of(visited)
        assert (visit.expert_signed_at, visit.applicant_signed_at) == (None, None)

    @pytest.mark.parametrize("username", ["district-1", "consultant", "other-applicant", "organiser", "intake"])
    def test_nobody_signs_who_is_of_neither_side(self, visited, username):
        written(visited)
        with pytest.raises(NotAllowed):
            site.sign_site_visit(scenes.person(username), visited)

    @pytest.mark.parametrize("username", ["applicant", "district-2", "organiser"])
    def test_the_record_is_written_by_the_panel_and_the_district_only(self, visited, username):
        by = scenes.person(username)
        for write in (
            lambda: site.record_site_visit(by, visited, TODAY, "x"),
            lambda: site.record_site_finding(by, visited, "4.1.1", True, "x"),
            lambda: site.add_photo(by, visited, photo("x")),
        ):
            with pytest.raises(NotAllowed):
                write()

    def test_a_revised_round_carries_the_signed_record_with_its_photos_and_findings(self, visited):
        construction.record_site_visit(visited)
        APPLICATION.perform(visited, "finish_site_visit", by=leader(visited))
        revised = journey.to_state(journey.to_state(visited, "revision_check"), "review")
        first, second = SiteVisit.objects.filter(application=visited).order_by("review_round")
        assert site.site_visit_of(revised) == second
        assert second.applicant_signed_at == first.applicant_signed_at
        for visit in (first, second):
            assert (visit.photos.count(), visit.findings.count()) == (1, 1)
        assert first.photos.get().file.name == second.photos.get().file.name
