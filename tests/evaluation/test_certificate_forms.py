"""Forms of certificates: versions that never change, what no form may say or leave out, numbers that never meet."""

from __future__ import annotations

import io
import itertools
import re
from dataclasses import replace
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image, ImageDraw
from pypdf import PdfReader

from evaluation import (
    certificate_forms,
    certificate_numbers,
    configuration,
    form_settings,
    outcome,
    printing,
    sealing,
    seals,
)
from evaluation.models import Certificate, CertificateForm, NoticeForm, Programme
from portal.machine import NotAllowed
from portal.models import Event, Sequence
from portal.problems import Changed, Refused
from tests.evaluation import published, scenes
from tests.evaluation.officers import officer
from tests.evaluation.scenes import refused

pytestmark = pytest.mark.django_db
CASE = ("smart_community", "completion")
BASIS = "示例文号"


@pytest.fixture(scope="module", autouse=True)
def _kept(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        yield


@pytest.fixture
def security():
    return officer("security_administrator")


def words(**changes):
    return replace(certificate_forms.words_of(certificate_forms.in_force(*CASE)), **changes)


def write(by, said=None, seen=1, case=CASE, **more):
    return certificate_forms.write(by, *case, said or words(), BASIS, seen, **more)


def checked(case=CASE, **changes):
    """(code, place) of every problem of a form with other words."""
    rule = certificate_forms.rule_of(*case)
    said = replace(certificate_forms.words_of(certificate_forms.in_force(*case)), **changes)
    found = certificate_forms.problems(rule, certificate_forms._draft(rule, said, None), None)
    return [(problem.code, problem.place) for problem in found]


def picture(size=(400, 400), kind="PNG", mode="RGBA", name="seal.png"):
    image = Image.new(mode, size, (0, 0, 0, 0) if mode == "RGBA" else "white")
    ImageDraw.Draw(image).ellipse((10, 10, size[0] - 10, size[1] - 10), outline=(200, 0, 0), width=8)
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return SimpleUploadedFile(name, buffer.getvalue())


def text_of(content):
    return re.sub(r"\s", "", "".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages))


def printed(certificate):
    with certificate.file.open() as kept:
        return kept.read()


class TestVersions:
    def test_every_stage_has_a_form_that_prints_on_one_page(self):
        assert [checked((rule.programme_id, rule.stage)) for rule in certificate_forms.stages()] == [[], [], []]

    def test_loading_the_configuration_again_leaves_what_was_written(self, security):
        write(security, words(title="示例证书"))
        configuration.load()
        assert certificate_forms.in_force(*CASE).title == "示例证书"

    def test_a_certificate_is_printed_by_the_newest_and_keeps_its_version(self, security):
        before = outcome.issue_certificate(published.judged(state="certifying"), published.today())
        row = write(security, words(title="示例新证书", body="{单位}的{小区}依{标准}评为{等级}，自{有效期}有效。"))
        after = outcome.issue_certificate(published.judged(number=2, state="certifying"), published.today())
        assert (before.form.number, after.form) == (1, row)
        assert ("示例新证书" in text_of(printed(before)), "示例新证书" in text_of(printed(after))) == (False, True)
        before.refresh_from_db()
        assert printing.certificate_pdf(before) == printed(before)

    def test_what_the_form_says_is_printed_in_its_order(self, security):
        lines = (("validity", "有效期限"), ("community", "小区"))
        write(security, words(lines=lines, issuer="示例区住建委", signatures=(("签发人", "示例王"), ("复核", ""))))
        text = text_of(printed(outcome.issue_certificate(published.judged(state="certifying"), published.today())))
        places = [
            text.index(part) for part in ("有效期限", "小区示例·云栖里小区", "签发人", "示例王", "复核", "示例区住建委")
        ]
        assert places == sorted(places)

    def test_the_seal_says_the_same_whatever_the_form(self, security):
        application = published.judged(state="certifying")
        write(security, words(title="示例新证书", pattern="SL-{year}-{number}"))
        certificate = outcome.issue_certificate(application, published.today())
        keys, today = seals.read_keys(sealing.keys_document()), published.today()
        verdict = seals.verify(printing.check_code(certificate), keys, None, today)
        assert {name: value for name, value in verdict.values.items() if name not in ("version", "key")} == {
            "number": f"SL-{today.year}-00001", "community": "示例·云栖里小区", "level": 2, "level_name": "二星级",
            "stage": "completion", "is_final": True, "standard_sha256": application.project.standard.sha256,
            "issued_on": today.isoformat(), "valid_until": certificate.valid_until.isoformat(),
        }  # fmt: skip
        assert certificate.number in text_of(printed(certificate))

    def test_every_version_is_an_event_with_what_stood_before_and_after(self, security):
        row = write(security, words(title="示例新证书"))
        (event,) = Event.objects.of(row)
        assert (event.verb, event.actor, event.role) == ("certificate_form.write", security, "security_administrator")
        assert (event.data["before"]["title"], event.data["after"]["title"], event.data["basis"]) == (
            "智慧小区评价证书", "示例新证书", BASIS,
        )  # fmt: skip

    def test_of_two_who_write_one_is_told_of_the_other(self, security):
        write(security, words(title="示例甲证书"))
        with pytest.raises(Changed) as caught:
            write(security, words(title="示例乙证书"))
        assert caught.value.now["current"]["title"] == "示例甲证书"
        assert CertificateForm.objects.filter(programme=CASE[0], stage=CASE[1]).count() == 2

    @pytest.mark.parametrize("duty", ["intake", "approver", "system_administrator", "audit_administrator"])
    def test_nobody_but_the_security_administrator_writes_or_previews(self, duty):
        person = officer(duty)
        with pytest.raises(NotAllowed):
            write(person)
        with pytest.raises(NotAllowed):
            certificate_forms.previewed(person, *CASE, words())

    def test_without_a_basis_nothing_is_kept(self, security):
        with refused() as problems:
            certificate_forms.write(security, *CASE, words(title=""), " ", 1)
        assert problems == [("required", "title"), ("required", "basis")]

    def test_a_portal_in_use_goes_on_with_the_forms_that_an_empty_one_begins_with(self):
        names = ("programme_id", "stage", "number", "title", "body", "lines", "issuer", "signatures", "pattern")
        first = sorted(CertificateForm.objects.values_list(*names))
        CertificateForm.objects.all().delete()
        import_module("evaluation.migrations.0034_certificate_forms").configure(apps, None)
        assert sorted(CertificateForm.objects.values_list(*names)) == first

    def test_a_stage_without_a_form_issues_nothing_and_says_why(self):
        application = published.judged(state="certifying")
        CertificateForm.objects.all().delete()
        with refused() as problems:
            outcome.issue_certificate(application, published.today())
        assert problems == [("no_certificate_form", "")]


class TestWords:
    @pytest.mark.parametrize(
        "changes, problems",
        [
            ({"title": ""}, [("required", "title")]),
            ({"title": "长" * 31}, [("too_long", "title")]),
            ({"title": "证书\n二"}, [("text", "title")]),
            ({"title": "证书😀"}, [("characters_missing", "title")]),
            ({"title": "智慧小区预评证书"}, [("not_provisional", "title")]),
            ({"body": "{小区}{标准}{单位}{没有}"}, [("placeholder_unknown", "body")]),
            ({"body": "{小区}{标准}{单位}{"}, [("place_unclosed", "body")]),
            ({"body": "{{小区}}"}, [("place_unclosed", "body")]),
            ({"body": "长" * 301}, [("too_long", "body")]),
            (
                {"lines": (("community", "小区"), ("community", "又一次"))},
                [("facts_missing", "body"), ("double", "lines")],
            ),
            ({"lines": (("password", "口令"), ("validity", "有效期"))}, [("field_unknown", "lines")]),
            ({"lines": (("validity", "有效期" * 3),)}, [("too_long", "lines")]),
            ({"lines": (("validity", ""),)}, [("required", "lines")]),
            ({"issuer": "\u202e倒写"}, [("text", "issuer")]),
            ({"signatures": (("签发人", "示"),) * 4}, [("too_many", "signatures")]),
            ({"signatures": (("", "示例"),)}, [("required", "signatures")]),
        ],
    )
    def test_what_no_form_may_say(self, changes, problems):
        assert checked(**changes) == problems

    def test_a_provisional_certificate_calls_itself_so(self):
        assert checked(("smart_community", "design"), title="智慧小区设计证书") == [("provisional", "title")]

    @pytest.mark.parametrize("stage, says", [("design", True), ("completion", False)])
    def test_what_a_form_cannot_take_away_is_printed_all_the_same(self, stage, says):
        rule, bare = (
            certificate_forms.rule_of("smart_community", stage),
            {"lines": (("validity", "有效期"),), "issuer": "示例"},
        )
        said = words(title="预评" if says else "证书", body="{单位}{小区}{标准}", **bare)
        text = text_of(certificate_forms.paper_of(rule, certificate_forms._draft(rule, said, None)))
        notice = rule.programme.sample_notice
        assert (notice in text, "设计阶段预评结果，竣工评价通过后授予正式等级" in text, "测试稿作废" in text) == (
            True,
            says,
            True,
        )

    def test_text_that_would_run_over_the_page_is_refused(self):
        lines = tuple((code, "名" * 8) for code in printing.FIELDS)
        assert checked(body="{单位}{小区}{标准}" + "长" * 280, lines=lines, title="长" * 30) == [("overflow", "")]

    def test_all_facts_and_three_signatures_stay_on_the_page(self):
        lines = tuple((code, label) for code, (_place, label) in printing.FIELDS.items())
        assert checked(lines=lines, signatures=(("签发人", "示" * 12), ("复核", ""), ("经办", ""))) == []


@pytest.mark.long
class TestSeals:
    def test_a_picture_takes_the_place_of_the_sample_and_stays_with_the_next_version(self, security):
        first = write(security, seal=picture())
        second = write(security, words(title="示例证书"), seen=2)
        third = write(security, seen=3, sample_seal=True)
        assert [row.seal_sha256 != "" for row in (first, second, third)] == [True, True, False]
        assert second.seal_sha256 == first.seal_sha256
        with first.seal.open() as kept:
            image = Image.open(kept)
            assert (image.format, image.info.keys() - {"transparency"}) == ("PNG", set())

    def test_a_camera_picture_is_kept_small_and_the_certificate_too(self, security):
        noise = Image.effect_noise((1500, 1500), 80).convert("RGB")
        buffer = io.BytesIO()
        noise.save(buffer, "JPEG", quality=60)
        rule = certificate_forms.rule_of(*CASE)
        kept = certificate_forms.seal_picture(SimpleUploadedFile("s.jpg", buffer.getvalue()))
        assert max(Image.open(io.BytesIO(kept)).size) == certificate_forms.SEAL_SIDE
        form = certificate_forms._draft(rule, words(), None)
        found = {problem.code for problem in certificate_forms.problems(rule, form, kept)}
        small = len(certificate_forms.paper_of(rule, form, kept)) <= certificate_forms.LARGEST
        assert found == (set() if small else {"too_large"})

    @pytest.mark.parametrize(
        "upload, code",
        [
            (lambda: SimpleUploadedFile("seal.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "image_damaged"),
            (lambda: SimpleUploadedFile("seal.png", b""), "image_damaged"),
            (lambda: picture((80, 80)), "shape"),
            (lambda: picture((900, 200)), "shape"),
            (lambda: SimpleUploadedFile("seal.png", picture().read()[:200]), "image_damaged"),
            (lambda: SimpleUploadedFile("seal.png", b"0" * (certificate_forms.SEAL_BYTES + 1)), "too_large"),
            (lambda: picture((2100, 2100), mode="RGB"), "image_too_large"),
        ],
    )
    def test_what_is_no_picture_of_a_seal_is_refused_at_its_field(self, security, upload, code):
        with refused() as problems:
            write(security, seal=upload())
        assert problems == [(code, "seal")]
        assert CertificateForm.objects.filter(programme=CASE[0], stage=CASE[1]).count() == 1


def form_of(pattern, prefix="CQ", stage="completion", programme="smart_community"):
    return SimpleNamespace(
        pattern=pattern, stage=stage, programme_id=programme, programme=SimpleNamespace(number_prefix=prefix)
    )


def pattern_codes(form):
    return [problem.code for problem in certificate_numbers.pattern_problems(form)]


class TestNumbers:
    @pytest.mark.parametrize(
        "pattern, codes",
        [
            ("A-{year}-{number}", []),
            ("{prefix}-{stage}-{year}-{number}-B", []),
            ("A{number}", []),
            ("A-{year}", ["number_missing"]),
            ("{number}-{number}", ["number_missing"]),
            ("{day}-{number}", ["placeholder_unknown"]),
            ("A-{number", ["placeholder_unknown"]),
            ("A2{number}", ["run_together"]),
            ("{year}{number}", ["run_together"]),
            ("A-2026-{number}", ["run_together"]),
            ("证-{number}", ["letters"]),
            ("A/{number}", ["letters"]),
            ("A-{number}" + "B" * 40, ["too_long"]),
            ("{prefix}-S-{year}-{number}", ["pattern_taken"]),  # of the design review
            ("{prefix}-SL-{year}-{number}", ["pattern_taken"]),  # of acceptance notices
            ("GS-{year}-{number}", ["pattern_taken"]),  # of public notices
        ],
    )
    def test_patterns(self, pattern, codes):
        prefix = Programme.objects.get(pk=CASE[0]).number_prefix
        assert pattern_codes(form_of(pattern, prefix)) == codes

    def test_a_pattern_that_another_programme_uses_is_taken_however_it_is_spelt(self):
        other = Programme.objects.get(pk="smart_property").number_prefix
        assert pattern_codes(form_of(f"{other}-X-{{year}}-{{number}}")) == ["pattern_taken"]

    def test_a_notice_cannot_take_the_pattern_of_a_certificate(self):
        row = NoticeForm.objects.get(pk="acceptance")
        row.pattern = "{prefix}-X-{year}-{number}"
        assert [problem.code for problem in form_settings.notice_problems(row)] == ["pattern_taken"]

    @pytest.mark.long
    def test_numbers_of_two_legal_patterns_meet_only_where_they_share_a_counter(self):
        parts = ("A", "-", "7", "12", "{year}", "{number}")
        legal = []
        for length in range(1, 5):
            for chosen in itertools.product(parts, repeat=length):
                form = form_of("".join(chosen))
                if not pattern_codes(form):
                    legal.append(form)
        years, numbers = (2026, 2027, 1212), ("00001", "00012", "12127", "100001")
        owners: dict[str, set[str]] = {}
        for form in legal:
            for year, number in itertools.product(years, numbers):
                text = certificate_numbers.number_of(form, year, number)
                counter = certificate_numbers.number_of(form, year, "").rstrip("-")
                owners.setdefault(text, set()).add(f"{counter} {number}")
        assert len(legal) > 50
        assert [text for text, counters in owners.items() if len(counters) > 1] == []

    def test_a_number_that_was_given_before_is_passed_over(self, security):
        year = published.today().year
        published.certificate(number=1)
        form = certificate_forms.in_force(*CASE)
        Certificate.objects.update(number=f"CQ-ZHXQ-X-{year}-00001")
        assert certificate_numbers.next_number(form, published.today()) == f"CQ-ZHXQ-X-{year}-00002"

    def test_numbers_go_on_where_they_were_before_there_were_forms(self):
        year = published.today().year
        Sequence.objects.create(name=f"CQ-ZHXQ-X-{year}", value=41)
        assert certificate_numbers.next_number(certificate_forms.in_force(*CASE), published.today()).endswith("-00042")


def test_the_seal_of_whoever_was_overtaken_at_the_last_moment_is_not_kept(security, settings, tmp_path, monkeypatch):
    settings.MEDIA_ROOT = tmp_path / "files"
    save = default_storage.save

    def overtaken(name, content):
        newest = certificate_forms.in_force(*CASE)
        newest.pk, newest.number = None, newest.number + 1
        newest.save(force_insert=True)
        return save(name, content)

    monkeypatch.setattr(certificate_forms.default_storage, "save", overtaken)
    with pytest.raises(Changed):
        write(security, seal=picture())
    assert [path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()] == []


def test_refused_words_are_told_with_a_bad_picture(security):
    with pytest.raises(Refused) as caught:
        write(security, words(title=""), seal=SimpleUploadedFile("seal.png", b"x"))
    assert [(problem.code, problem.place) for problem in caught.value.problems] == [
        ("image_damaged", "seal"), ("required", "title"),
    ]  # fmt: skip
