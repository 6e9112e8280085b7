"""Pages and endpoints of the forms of certificates: who opens which, the preview as one types, what is kept and refused."""

from __future__ import annotations

import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from PIL import Image
from pypdf import PdfReader

from evaluation import certificate_forms
from evaluation.models import CertificateForm
from portal.models import Event
from tests.evaluation import scenes
from tests.evaluation.officers import DUTIES, account, officer

pytestmark = [pytest.mark.django_db, pytest.mark.long]
CASE = ("smart_community", "completion")
PAGE = "certificate-form"
PREVIEW = "certificate-form-preview"
PNG = {"accept": "image/png"}
API = "/api/v1/certificate-forms/smart_community/completion/"


@pytest.fixture(scope="module", autouse=True)
def _kept(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        yield


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def client():
    return signed_in(officer("security_administrator"))


def typed(**changes):
    """What the page hands in where only this was changed."""
    form = certificate_forms.in_force(*CASE)
    found = {
        "title": form.title,
        "body": form.body,
        "issuer": form.issuer,
        "pattern": form.pattern,
        "basis": "示例文号",
    }
    for number, (code, label) in enumerate(form.lines, 1):
        found |= {f"field_{number}": code, f"label_{number}": label}
    return {**found, "seen": form.number, **changes}


def red():
    buffer = io.BytesIO()
    Image.new("RGBA", (300, 300), (200, 0, 0, 120)).save(buffer, "PNG")
    return SimpleUploadedFile("seal.png", buffer.getvalue(), "image/png")


class TestRights:
    @pytest.mark.parametrize("duty", DUTIES)
    def test_officers_read_and_one_duty_writes(self, duty):
        client = signed_in(officer(duty))
        writes = duty == "security_administrator"
        page = client.get(reverse(PAGE, args=CASE))
        assert (client.get(reverse("certificate-forms")).status_code, page.status_code) == (200, 200)
        assert client.get(reverse("certificate-form-picture", args=[*CASE, 1]))["Content-Type"] == "image/png"
        assert ("写新版本" in page.content.decode()) is writes
        answers = [client.post(reverse(name, args=CASE), typed()).status_code for name in (PAGE, PREVIEW)]
        assert answers == ([302, 200] if writes else [403, 403])

    def test_whoever_holds_no_duty_reads_nothing(self):
        client = signed_in(account("nobody"))
        addresses = [
            reverse("certificate-forms"),
            reverse(PAGE, args=CASE),
            reverse("certificate-form-picture", args=[*CASE, 1]),
        ]
        assert [client.get(address).status_code for address in (*addresses, API)] == [403, 403, 403, 403]

    @pytest.mark.parametrize(
        "case", [("smart_community", "nonsense"), ("nonsense", "design"), ("innovation", "design")]
    )
    def test_a_stage_that_is_none_is_not_found(self, client, case):
        assert client.get(reverse(PAGE, args=case)).status_code == 404
        assert client.post(reverse(PREVIEW, args=case), typed()).status_code == 404

    @pytest.mark.parametrize("number", [0, 2, 10**30])
    def test_a_version_that_is_none_is_not_found(self, client, number):
        assert client.get(reverse("certificate-form-picture", args=[*CASE, number])).status_code == 404


class TestPreview:
    def test_a_picture_as_one_types_and_a_document_without_scripts(self, client):
        address = reverse(PREVIEW, args=CASE)
        drawn = client.post(address, typed(title="示例证书"), headers=PNG)
        paper = client.post(address, typed(title="示例证书"))
        assert (drawn["Content-Type"], paper["Content-Type"]) == ("image/png", "application/pdf")
        assert Image.open(io.BytesIO(drawn.content)).size == (909, 1286)
        text = PdfReader(io.BytesIO(paper.content)).pages[0].extract_text().replace("\n", "")
        assert ("示例证书" in text, "测试稿" in text, "作废" in text) == (True, True, True)
        assert (drawn["Cache-Control"], CertificateForm.objects.filter(stage="completion").count()) == ("no-store", 1)

    def test_it_shows_the_seal_that_was_only_chosen(self, client):
        address = reverse(PREVIEW, args=CASE)
        plain, sealed = (client.post(address, typed(**more), headers=PNG) for more in ({}, {"seal": red()}))
        assert plain.content != sealed.content

    def test_every_problem_is_told_to_the_script_and_beside_its_field(self, client):
        address, wrong = reverse(PREVIEW, args=CASE), typed(title="预评", pattern="A", body="{没有}")
        told = client.post(address, wrong, headers=PNG)
        assert (told.status_code, len(told.json()["problems"])) == (422, 3)
        page = client.post(address, wrong)
        assert page.status_code == 422
        assert {name: len(errors) for name, errors in page.context["form"].errors.items()} == {
            "title": 1, "body": 1, "pattern": 1,
        }  # fmt: skip

    def test_without_a_basis_it_is_looked_at_all_the_same(self, client):
        assert client.post(reverse(PREVIEW, args=CASE), typed(basis=""), headers=PNG).status_code == 200

    @pytest.mark.parametrize(
        "changes",
        [
            {"title": "\0"}, {"title": "#set page(height: 1pt)"}, {"body": "{单位}{小区}{标准}#include \"/etc/passwd\""},
            {"body": "x" * 5000}, {"seen": "-1"}, {"seen": "x"}, {"field_1": "password"}, {"label_1": "<script>"},
            {"pattern": "{number.__class__}"}, {"signature_1": "签", "signer_1": "x" * 300},
        ],
    )  # fmt: skip
    def test_hostile_words_are_printed_as_words_or_refused(self, client, changes):
        answer = client.post(reverse(PREVIEW, args=CASE), typed(**changes), headers=PNG)
        assert answer.status_code in (200, 400, 422)
        if answer.status_code == 200:
            assert Image.open(io.BytesIO(answer.content)).size == (909, 1286)


class TestKeeping:
    def test_a_new_version_is_kept_with_its_seal_and_what_was_seen(self, client):
        address = reverse(PAGE, args=CASE)
        assert client.post(address, typed(title="示例证书", seal=red(), signature_1="签发人")).status_code == 302
        row = certificate_forms.in_force(*CASE)
        assert (row.number, row.title, row.signatures, len(row.seal_sha256)) == (2, "示例证书", [["签发人", ""]], 64)
        assert Event.objects.of(row).get().verb == "certificate_form.write"
        again = client.post(address, typed(seen=1, title="示例二"))
        assert (again.status_code, "第 2 版" in again.content.decode()) == (422, True)
        assert "示例二" in again.content.decode()  # what was typed is still there

    def test_an_empty_label_takes_the_usual_one_and_an_empty_row_is_none(self, client):
        client.post(reverse(PAGE, args=CASE), typed(label_1="", field_2="", label_2="", basis="示例"))
        assert certificate_forms.in_force(*CASE).lines[:2] == [["community", "小区名称"], ["organisation", "申报单位"]]

    def test_the_list_asks_as_little_of_many_versions_as_of_one(self, client):
        def asked():
            with CaptureQueriesContext(connection) as captured:
                client.get(reverse(PAGE, args=CASE))
            return len(captured)

        few = asked()
        first = certificate_forms.in_force(*CASE)
        for number in range(2, 31):
            first.pk, first.number = None, number
            first.save(force_insert=True)
        assert asked() == few


class TestEndpoints:
    def data(self, **changes):
        form = certificate_forms.in_force(*CASE)
        names = ("title", "body", "lines", "issuer", "signatures", "pattern")
        return {**{name: getattr(form, name) for name in names}, "basis": "示例文号", "seen": form.number, **changes}

    def test_a_version_is_written_read_previewed_and_sealed(self, client):
        def post(address, said):
            return client.post(address, said, content_type="application/json")

        assert post(f"{API}preview/", self.data())["Content-Type"] == "application/pdf"
        written = [post(API, self.data(title="示例证书", seen=1)).status_code for _time in range(2)]
        assert written == [201, 409]
        sealed = client.post(f"{API}seal/", {"file": red(), "basis": "示例", "seen": 2})
        assert (sealed.status_code, sealed.json()["title"], sealed.json()["number"]) == (201, "示例证书", 3)
        assert [row["number"] for row in client.get(API).json()["results"]] == [3, 2, 1]

    @pytest.mark.parametrize(
        "changes, places",
        [
            ({"title": "", "pattern": "x", "basis": ""}, ["title", "pattern", "basis"]),
            ({"lines": [["password", "x"]]}, ["body", "lines"]),
            ({"lines": [["community"]]}, ["lines.0"]),
            ({"lines": "x"}, ["lines"]),
        ],
    )
    def test_every_problem_is_named_with_its_place(self, client, changes, places):
        answer = client.post(API, self.data(**changes), content_type="application/json")
        found = [problem["place"] for problem in answer.json()["problems"]]
        assert (answer.status_code, found[:1]) == (422, places[:1])

    @pytest.mark.parametrize("duty", ["intake", "approver"])
    def test_other_duties_read_and_write_nothing(self, duty):
        client = signed_in(officer(duty))
        answers = [
            client.get(API), client.post(API, self.data(), content_type="application/json"),
            client.post(f"{API}preview/", self.data(), content_type="application/json"),
        ]  # fmt: skip
        assert [answer.status_code for answer in answers] == [200, 403, 403]
