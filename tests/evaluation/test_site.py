"""The panel's visit on site: versions that are only added, photos that come once, two signatures on one text, one paper."""

from __future__ import annotations

import io
import json
import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone
from pypdf import PdfReader

from evaluation import site, site_checklist, site_paper, site_photos, site_signing
from evaluation.models import Photo, SiteVisit
from evaluation.site import Said, Taken
from evaluation.site_signing import Signing
from evaluation.workflow import APPLICATION
from portal import samples, uploads
from portal.accounts import Confirmed
from portal.demo import construction, journey, papers, people
from portal.files import sha256_of
from portal.machine import NotAllowed, Stale
from portal.models import Event, Upload
from portal.problems import Changed
from tests.evaluation import scenes

pytestmark = [pytest.mark.django_db, pytest.mark.long]

TODAY = timezone.localdate()
DAY = timedelta(days=1)
PDF_CODES = ["file_type_not_allowed", "file_extension_differs"]
STROKES = [[[100 + step * 10, 200] for step in range(20)], [[300, 100], [300, 300]]]


world, own_files = scenes.shared_world()


@pytest.fixture(scope="module")
def pk(world):
    """An application for completion whose panel is about to visit."""
    return world.case_at("site_visit", "completion").pk


@pytest.fixture
def visited(pk):
    return scenes.case(pk)


def photo(text="一"):
    return papers.photo("现场", text)


def leader(application):
    return journey.leader_of(application)


def another(application):
    """A second member of the same panel."""
    return next(row.expert.user for row in people.panel_of(application, "accepted") if not row.is_leader)


def written(application):
    site.record_site_visit(leader(application), application, TODAY, "示例：一致。")
    site.add_photo(leader(application), application, photo("核查"))


def sign(by, application, **told):
    """By name and password, unless ``told`` says otherwise."""
    told = {"name": by.name, "confirmed": Confirmed(by.pk), **told}
    return site_signing.sign(by, application, Signing(**told))


def on_glass(by, application, **told):
    """Somebody of the applicant's on the telephone of an expert."""
    told = {
        "name": "示例到场人",
        "title": "项目经理",
        "side": "applicant",
        "strokes": STROKES,
        "consents": True,
        **told,
    }
    return site_signing.sign(by, application, Signing(**told))


def signed_at(application):
    visit = site.site_visit_of(application)
    return visit.expert_signed_at, visit.applicant_signed_at


def verbs(application):
    return [event.verb for event in Event.objects.of(application).filter(verb__startswith="site_visit.")]


class TestLines:
    def test_the_record_says_when_and_what(self, visited):
        with scenes.refused() as problems:
            site.record_site_visit(leader(visited), visited, TODAY + DAY, " ")
        assert problems == [("date_future", "visited_on"), ("required", "summary")]

    @pytest.mark.parametrize(
        "said,expected",
        [
            (Said("item:5.1.5", " ", "agrees"), [("required", "text")]),
            (Said("item:11.2.1", "x", "agrees"), [("item_unknown", "item_code")]),
            (Said("own:x", "x", "agrees"), [("line_unknown", "line")]),
            (Said("question:1", "x", "agrees"), [("line_unknown", "line")]),
            (Said("item:5.1.5", "x", ""), [("required", "seen")]),
            (Said("item:5.1.5", "x", "perhaps"), [("required", "seen")]),
            (Said("item:5.1.5", "x" * 2001, "agrees"), [("too_long", "text")]),
            (Said("item:5.1.5", "x", "agrees", key="1"), [("key_wrong", "save_key")]),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, visited, said, expected):
        with scenes.refused() as problems:
            site.say(leader(visited), visited, said)
        assert problems == expected

    def test_a_finding_is_never_changed_a_new_version_follows_and_holds(self, visited):
        site.record_site_finding(leader(visited), visited, "4.1.1", True, "一致")
        site.record_site_finding(another(visited), visited, "4.1.1", False, " 缺一处 ")
        rows = list(site.site_visit_of(visited).findings.all())
        assert [(row.number, row.seen, row.text, row.by) for row in rows] == [
            (1, "agrees", "一致", leader(visited)),
            (2, "differs", "缺一处", another(visited)),
        ]
        assert site.latest(site.site_visit_of(visited)) == {"item:4.1.1": rows[1]}
        told = Event.objects.of(visited).filter(verb="site_visit.find").last()
        assert (told.data["before"], told.data["after"]) == ("agrees 一致", "differs 缺一处")
        for change in (rows[0].save, rows[0].delete):
            with pytest.raises(TypeError):
                change()

    def test_a_save_that_comes_twice_is_one_even_after_the_visit_has_ended(self, visited):
        said = Said("item:4.1.1", "一致", "agrees", "4.1.1", after="", key=str(uuid4()))
        first = site.say(leader(visited), visited, said)
        assert site.say(leader(visited), visited, said) == first
        construction.record_site_visit(visited)
        APPLICATION.perform(visited, "finish_site_visit", by=leader(visited))
        assert site.say(leader(visited), scenes.case(visited.pk), said) == first
        with pytest.raises(Stale):
            site.say(leader(visited), visited, Said("item:4.1.1", "另写", "agrees"))

    def test_who_writes_on_what_another_wrote_first_is_shown_both(self, visited):
        first = site.say(leader(visited), visited, Said("item:4.1.1", "一致", "agrees", after="", key=str(uuid4())))
        with pytest.raises(Changed) as changed:
            site.say(another(visited), visited, Said("item:4.1.1", "缺一处", "differs", after="", key=str(uuid4())))
        assert changed.value.now["current"] == {
            "save_key": first.save_key, "seen": "agrees", "text": "一致", "visited_on": "",
        }  # fmt: skip
        last = site.say(another(visited), visited, Said("item:4.1.1", "缺一处", "differs", after=first.save_key))
        assert (last.number, last.text) == (2, "缺一处")

    @pytest.mark.parametrize("username", ["applicant", "district-2", "organiser"])
    def test_the_record_is_written_by_the_panel_and_the_district_only(self, visited, username):
        by = scenes.person(username)
        for write in (
            lambda: site.record_site_visit(by, visited, TODAY, "x"),
            lambda: site.record_site_finding(by, visited, "4.1.1", True, "x"),
            lambda: site.add_photo(by, visited, photo("x")),
            lambda: site.withdraw_photo(by, visited, Photo(pk=1), "x"),
        ):
            with pytest.raises(NotAllowed):
                write()


class TestClock:
    """A telephone says when; what its clock cannot know never stands in the record, where it could break every page."""

    HOURS = [
        (lambda now: now - timedelta(minutes=5), True),
        (lambda now: now + DAY, False),
        (lambda now: now.replace(year=2001, day=1), False),
        (lambda now: now.replace(year=9999, month=12, day=31, hour=23), False),
    ]

    @pytest.mark.parametrize("at, believed", HOURS)
    def test_a_line_a_photo_and_a_signature_keep_only_an_hour_that_can_be(self, visited, client, at, believed):
        now = timezone.now()
        type(visited).objects.filter(pk=visited.pk).update(state_since=now - 2 * DAY)
        visited, at = scenes.case(visited.pk), at(now)
        written(visited)
        line = site.say(leader(visited), visited, Said("item:4.1.1", "一致", "agrees", at=at))
        said = {"at": at.strftime("%Y-%m-%dT%H:%M:%S.000Z")}
        taken = Taken("现场", sha256="", said=said)
        kept = site.keep_photo(leader(visited), visited, site.prepared_photo(leader(visited), photo(), taken), taken)
        signature = sign(leader(visited), visited, at=at)
        assert (line.said_at == at, signature.signed_at == at) == (believed, believed)
        assert now - 2 * DAY <= signature.signed_at <= timezone.now()
        assert kept.taken_at is None or kept.taken_at <= timezone.now()
        assert kept.said == said
        client.force_login(leader(visited))
        assert client.get(reverse("site-visit", args=[visited.pk])).status_code == 200


class TestChecklist:
    def test_it_holds_the_items_that_want_a_look_and_what_differs_from_the_design(self, visited):
        lines = site_checklist.checklist(visited, site.site_visit_of(visited))
        standard = visited.standard
        wanted = [item.code for item in standard.items("completion") if "site" in item.evidence["completion"]]
        assert [line.item_code for line in lines if line.key.startswith("item:")] == wanted
        assert len(wanted) > 10
        assert {line.why for line in lines if line.key.startswith("item:")} == {"标准要求现场查看"}

    def test_a_doubt_is_put_on_the_list_and_answered_there(self, visited):
        key, by = f"doubt:{uuid4()}", leader(visited)
        doubt = site.say(by, visited, Said(key, "地下二层有没有信号", "", "4.1.3", after=""))
        line = site_checklist.checklist(visited, site.site_visit_of(visited))[-1]
        assert (line.key, line.look, line.last, line.save_key) == (key, "地下二层有没有信号", None, doubt.save_key)
        site.say(by, visited, Said(key, "信号良好", "agrees", "4.1.3", after=doubt.save_key))
        line = site_checklist.checklist(visited, site.site_visit_of(visited))[-1]
        assert (line.look, line.last.text, line.title) == ("地下二层有没有信号", "信号良好", "4.1.3 移动信号无成片盲区")

    def test_nothing_of_what_the_applicant_claims_stands_on_it(self, visited):
        claim = visited.claims.exclude(note="").first() or visited.claims.first()
        visited.claims.filter(pk=claim.pk).update(note="只有申报单位知道的说明")
        lines = site_checklist.checklist(visited, site.site_visit_of(visited))
        assert "只有申报单位知道的说明" not in "".join(line.title + line.look + line.why for line in lines)

    def test_it_takes_as_many_questions_for_one_line_as_for_many(self, visited, django_assert_num_queries):
        visit = site.site_visit_of(visited)
        for number in range(12):
            site.say(leader(visited), visited, Said(f"own:{uuid4()}", f"所见 {number}", "agrees"))
        visit = SiteVisit.objects.get(pk=visit.pk)
        visited = scenes.case(visited.pk)
        _ = visited.rule, visited.standard
        with django_assert_num_queries(4):  # sealed version, findings, questions, photos
            lines = site_checklist.checklist(visited, visit)
        assert sum(line.key.startswith("own:") for line in lines) == 12


def taken(content, **told):
    said = {"at": "2026-11-20T01:02:03.000Z", "latitude": "29.563000", "longitude": "106.551600", "accuracy": "12"}
    return Taken("机房", "item:4.1.1", str(uuid4()), sha256_of(content), {**said, **told})


def sent(by, application, content, told, name="现场.jpg"):
    """A photo that came piece by piece, as the worker takes it in; the upload afterwards."""
    words = {"caption": told.caption, "line": told.line, "key": told.key, "sha256": told.sha256, **told.said}
    upload = uploads.begin(by, site_photos.PURPOSE, application.pk, name, len(content), words)
    stream = io.BytesIO(content)
    uploads.receive(upload, 0, stream.read)
    uploads.take_in(upload.pk)
    return Upload.objects.get(pk=upload.pk)


class TestPhotos:
    def test_a_photo_keeps_what_the_telephone_says_and_the_hash_of_what_it_sent(self, visited):
        content = photo("一").read()
        upload = sent(leader(visited), visited, content, taken(content))
        row = Photo.objects.get(pk=upload.made)
        assert (row.line, row.caption, row.sent_sha256) == ("item:4.1.1", "机房", sha256_of(content))
        assert (row.latitude, row.longitude, row.accuracy) == (29.563, 106.5516, 12.0)
        assert row.taken_at.isoformat() == "2026-11-20T01:02:03+00:00"
        assert row.sha256 != row.sent_sha256  # kept upright, without what the camera wrote into it

    def test_sent_twice_it_is_kept_once(self, visited):
        content = photo("二").read()
        told = taken(content)
        first, second = (sent(leader(visited), visited, content, told) for _time in range(2))
        assert (first.made, first.state, second.made, second.state) == (first.made, "taken", first.made, "taken")
        assert site.site_visit_of(visited).photos.count() == 1
        assert verbs(visited).count("site_visit.photo") == 1

    @pytest.mark.parametrize(
        "spoil,codes",
        [
            (lambda content, told: (content + b"x", told), ["hash_wrong"]),
            (lambda content, told: (b"MZ" + content[2:], Taken(key=told.key)), ["file_type_unknown"]),
            (lambda content, told: (content[:300], Taken(key=told.key)), ["image_damaged"]),
            (lambda content, told: (papers.pdf("图", "一").read(), Taken(key=told.key)), PDF_CODES),
        ],
        ids=["another byte", "a program", "half", "a PDF"],
    )
    def test_what_is_no_whole_picture_or_came_damaged_is_refused(self, visited, spoil, codes):
        content = photo("三").read()
        content, told = spoil(content, taken(content))
        upload = sent(leader(visited), visited, content, told)
        assert (upload.state, [one["code"] for one in upload.problems]) == ("refused", codes)
        assert not site.site_visit_of(visited).photos.exists()

    @pytest.mark.parametrize(
        "said",
        [{"latitude": "91.000000"}, {"at": "2026-13-01T00:00:00.000Z"}, {"accuracy": "-1"}, {"no_place": "secret"}],
    )
    def test_an_impossible_place_or_time_is_refused_before_the_first_byte(self, visited, said):
        with scenes.refused() as problems:
            sent(leader(visited), visited, b"x", taken(b"x", **said))
        assert problems == [("said_wrong", next(iter(said)))]

    def test_without_a_place_it_says_why(self, visited):
        content = samples.sample_photo("没有位置的照片")
        told = Taken("", "", str(uuid4()), "", {"at": "2026-11-20T01:02:03.000Z", "no_place": "denied"})
        row = Photo.objects.get(pk=sent(leader(visited), visited, content, told).made)
        assert (row.latitude, row.said) == (None, dict(told.said))

    def test_one_person_sends_nothing_that_another_took(self, visited):
        words = {"key": str(uuid4()), "person": str(another(visited).pk)}
        with pytest.raises(NotAllowed):
            uploads.begin(leader(visited), site_photos.PURPOSE, visited.pk, "a.jpg", 10, words)

    @pytest.mark.parametrize("username", ["applicant", "other-applicant", "organiser", "pool-keeper"])
    def test_nobody_sends_photos_but_who_visits(self, visited, username):
        with pytest.raises(NotAllowed):
            uploads.begin(scenes.person(username), site_photos.PURPOSE, visited.pk, "a.jpg", 10, {"key": str(uuid4())})

    def test_a_photo_is_withdrawn_with_a_reason_and_stays(self, visited):
        row = site.add_photo(leader(visited), visited, photo("五"))
        with scenes.refused() as problems:
            site.withdraw_photo(leader(visited), visited, row, " ")
        assert problems == [("required", "reason")]
        for reason in ("拍到住户", "再撤"):
            site.withdraw_photo(leader(visited), visited, row, reason)
        row.refresh_from_db()
        assert (row.withdrawn_by, row.withdrawn_reason) == (leader(visited), "拍到住户")
        assert verbs(visited).count("site_visit.withdraw_photo") == 1
        assert [problem.code for problem in site.unwritten(site.site_visit_of(visited))] == [
            "record_missing", "photo_missing",
        ]  # fmt: skip


class TestSigning:
    def test_a_record_is_written_before_it_is_signed(self, visited):
        for by in (leader(visited), scenes.person("applicant")):
            with scenes.refused() as problems:
                sign(by, visited)
            assert problems == [("record_missing", "summary"), ("photo_missing", "photo")]

    def test_both_sides_sign_before_the_panel_marks(self, visited):
        written(visited)
        expert, applicant = leader(visited), scenes.person("applicant")
        with scenes.refused() as problems:
            APPLICATION.perform(visited, "finish_site_visit", by=expert)
        assert problems == [("expert_unsigned", "signature"), ("applicant_unsigned", "signature")]
        sign(expert, visited)
        with scenes.refused() as problems:
            APPLICATION.perform(visited, "finish_site_visit", by=expert)
        assert problems == [("applicant_unsigned", "signature")]
        sign(applicant, visited, strokes=STROKES, confirmed=None)
        APPLICATION.perform(visited, "finish_site_visit", by=expert)
        assert visited.state == "review"
        with pytest.raises(Stale):
            site.record_site_visit(expert, visited, TODAY, "改写")

    def test_somebody_of_the_applicants_signs_on_the_telephone_of_an_expert(self, visited):
        written(visited)
        row = on_glass(leader(visited), visited)
        assert (row.side, row.name, row.title, row.signed_by, row.witness) == (
            "applicant", "示例到场人", "项目经理", None, leader(visited),
        )  # fmt: skip
        assert row.consent.startswith("本人受申报单位委托到场")
        assert row.strokes_sha256 == sha256_of(json.dumps(STROKES, separators=(",", ":")).encode())
        assert signed_at(visited)[1] == row.signed_at

    @pytest.mark.parametrize(
        "told,expected",
        [
            ({"title": ""}, [("required", "title")]),
            ({"consents": False}, [("consent_missing", "consents")]),
            ({"name": " "}, [("required", "name")]),
            ({"strokes": ()}, [("required", "strokes")]),
            ({"strokes": [[[1, 1]]]}, [("strokes_wrong", "strokes")]),
            ({"strokes": [[[5, y] for y in range(390, 402)]]}, [("strokes_wrong", "strokes")]),
            ({"strokes": [[[5, "<script>"]] * 12]}, [("strokes_wrong", "strokes")]),
            ({"strokes": [[[5, True]] * 12]}, [("strokes_wrong", "strokes")]),
            ({"strokes": {"a": 1}}, [("strokes_wrong", "strokes")]),
            ({"strokes": [[[1, 1]] * 6001]}, [("strokes_wrong", "strokes")]),
        ],
    )
    def test_what_is_no_signature_is_refused(self, visited, told, expected):
        written(visited)
        with scenes.refused() as problems:
            on_glass(leader(visited), visited, **told)
        assert problems == expected

    def test_one_signs_by_the_own_name_with_a_drawing_or_a_password(self, visited):
        written(visited)
        for told, expected in (
            ({"name": "别人"}, ("signed_name", "name")),
            ({"confirmed": None}, ("required", "strokes")),
            ({"confirmed": Confirmed(0)}, ("password", "password")),
        ):
            with scenes.refused() as problems:
                sign(leader(visited), visited, **told)
            assert problems == [expected]

    @pytest.mark.parametrize(
        "change",
        [
            lambda by, case: site.record_site_visit(by, case, TODAY, "另写"),
            lambda by, case: site.record_site_finding(by, case, "4.1.1", False, "不一致"),
            lambda by, case: site.add_photo(by, case, photo("又一张")),
            lambda by, case: site.withdraw_photo(by, case, site.site_visit_of(case).photos.first(), "拍错"),
        ],
        ids=["text", "finding", "photo", "withdrawn photo"],
    )
    def test_signatures_are_void_and_stay_to_be_read_when_the_record_changes(self, visited, change):
        written(visited)
        sign(leader(visited), visited)
        on_glass(leader(visited), visited)
        before = site_signing.sha256_of_content(site.site_visit_of(visited))
        change(people.district_officer_of(visited.project), visited)
        visit = site.site_visit_of(visited)
        assert signed_at(visited) == (None, None)
        assert [row.voided_at is None for row in visit.signatures.all()] == [False, False]
        assert {row.content_sha256 for row in visit.signatures.all()} == {before}
        assert site_signing.sha256_of_content(visit) != before
        assert verbs(visited)[-1] == "site_visit.void"

    def test_a_signature_to_another_text_than_stands_there_is_refused(self, visited):
        written(visited)
        seen = site_signing.sha256_of_content(site.site_visit_of(visited))
        site.record_site_finding(another(visited), visited, "4.1.1", False, "不一致")
        with pytest.raises(Changed):
            on_glass(leader(visited), visited, content_sha256=seen)
        assert signed_at(visited) == (None, None)

    def test_a_signature_that_comes_twice_is_one(self, visited):
        written(visited)
        key = str(uuid4())
        first = on_glass(leader(visited), visited, key=key)
        assert on_glass(leader(visited), visited, key=key) == first
        assert verbs(visited).count("site_visit.sign") == 1

    def test_what_is_signed_is_the_last_word_on_every_line_and_every_photo_that_counts(self, visited):
        written(visited)
        gone = site.add_photo(leader(visited), visited, photo("多余"))
        site.withdraw_photo(leader(visited), visited, gone, "拍错")
        for agrees in (True, False):
            site.record_site_finding(leader(visited), visited, "4.1.1", agrees, "所见")
        visit = site.site_visit_of(visited)
        (kept,) = visit.photos.filter(withdrawn_at=None)
        assert site_signing.content_of(visit) == {
            "application": visited.pk,
            "entries": [
                ["item:4.1.1", "4.1.1", "differs", "所见", ""],
                ["record", "", "", "示例：一致。", TODAY.isoformat()],
            ],
            "photos": [[kept.key, kept.sent_sha256, "", "", "", "", "", "", ""]],
        }

    @pytest.mark.parametrize("username", ["district-1", "consultant", "other-applicant", "organiser", "intake"])
    def test_nobody_signs_who_is_of_neither_side(self, visited, username):
        written(visited)
        with pytest.raises(NotAllowed):
            sign(scenes.person(username), visited)

    def test_a_revised_round_carries_the_signed_record_with_its_photos_and_findings(self, visited):
        construction.record_site_visit(visited)
        APPLICATION.perform(visited, "finish_site_visit", by=leader(visited))
        revised = journey.to_state(journey.to_state(visited, "revision_check"), "review")
        first, second = SiteVisit.objects.filter(application=visited).order_by("review_round")
        assert site.site_visit_of(revised) == second
        assert second.applicant_signed_at == first.applicant_signed_at
        for visit in (first, second):
            assert (visit.photos.count(), visit.findings.count(), visit.signatures.count()) == (1, 2, 2)
        assert first.photos.get().file.name == second.photos.get().file.name
        assert {row.content_sha256 for row in second.signatures.all()} == {site_signing.sha256_of_content(second)}


class TestPaper:
    def paper(self, application):
        visit = site_paper.paper_of(site_paper.visits().get(application=application))
        with visit.paper.open() as kept:
            return visit, kept.read()

    def test_it_says_what_was_seen_with_photos_signatures_and_the_hash_of_the_record(self, visited):
        written(visited)
        site.record_site_finding(leader(visited), visited, "4.1.1", False, "三号楼无光缆")
        sign(leader(visited), visited)
        on_glass(leader(visited), visited)
        visit, content = self.paper(visited)
        text = re.sub(r"\s", "", "".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages))
        digest = site_signing.sha256_of_content(visit)
        words = (
            "三号楼无光缆",
            "与申报不一致",
            "未核查",
            "示例到场人",
            "项目经理",
            leader(visited).name,
            digest,
        )
        assert [word for word in words if word not in text] == []
        assert visit.paper_sha256 == sha256_of(content)

    def test_it_is_made_once_of_what_stands_there_and_anew_after_a_change(self, visited):
        written(visited)
        first, content = self.paper(visited)
        assert self.paper(visited)[0].paper.name == first.paper.name
        site.record_site_finding(leader(visited), visited, "4.1.1", True, "一致")
        second, other = self.paper(visited)
        assert second.paper.name != first.paper.name
        assert content != other

    def test_the_worker_makes_it_when_the_visit_is_finished(self, visited, django_capture_on_commit_callbacks):
        construction.record_site_visit(visited)
        with django_capture_on_commit_callbacks(execute=True):
            APPLICATION.perform(visited, "finish_site_visit", by=leader(visited))
        site_paper.make_paper(site.site_visit_of(visited).pk)
        visit = site.site_visit_of(visited)
        assert visit.paper_of == site_paper.sha256_of_paper(visit)
