"""Standards to read for everyone, and to bring in for two duties: whole, or refused with every problem and its place."""

import hashlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from evaluation import filing
from evaluation.configuration import SAMPLES, import_standard
from evaluation.models import Programme, Standard
from portal.machine import NotAllowed
from portal.models import Event
from tests.evaluation import published, scenes

pytestmark = pytest.mark.django_db

SAMPLE = (SAMPLES / "smart-community.yaml").read_text(encoding="utf-8")
TWO_PROBLEMS = SAMPLE.replace("dom: comm, req: 光缆", "dom: nobody, req: 光缆", 1).replace(
    "min_total: 70", "min_total: 10"
)
NEW_VERSION = SAMPLE.replace('version: "1.0"', 'version: "1.1"', 1)


@pytest.fixture(scope="module", autouse=True)
def configured(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        yield


@pytest.fixture
def standard():
    return Standard.objects.get(code="REF-SC")


def upload(text, name="智慧小区 1.1.yaml"):
    return {"file": SimpleUploadedFile(name, text.encode())}


def test_everyone_reads_the_list_with_versions_hash_and_notice(client, standard):
    page = client.get(reverse("standards")).content.decode()
    shown = [standard.name, "REF-SC 1.0", standard.sha256, "未采用", "参考样本，非官方标准文本"]
    assert [text for text in shown if text not in page] == []


def test_a_standard_that_a_case_uses_is_shown_as_frozen(client, standard):
    unit = published.organisation()
    author = published.member(unit)
    programme = Programme.objects.get(pk="smart_community")
    filing.open_project(author, published.community(unit), programme, 2)
    assert "已冻结" in client.get(standard.get_absolute_url()).content.decode()


def test_every_item_is_on_the_page_of_its_standard(client, standard):
    page = client.get(standard.get_absolute_url()).content.decode()
    codes = [
        item.code for chapter in standard.parsed.chapters for section in chapter.sections for item in section.items
    ]
    assert [code for code in codes if f'id="item-{code}"' not in page] == []


@pytest.mark.parametrize("code", ["REF-SC", "REF-SP", "REF-SI"])
def test_every_sample_can_be_read_with_its_notice(client, standard, code):
    row = Standard.objects.get(code=code)
    page = client.get(row.get_absolute_url()).content.decode()
    assert row.notice in page
    assert "参考样本，非官方标准文本" in page


@pytest.mark.parametrize(
    "filters, codes",
    [
        ({"q": "4.2.1"}, ["4.2.1"]),
        ({"q": "高空 抛物"}, ["5.2.3"]),
        ({"q": "没有这样的条目"}, []),
    ],
)
def test_items_are_found_by_code_and_words(client, standard, filters, codes):
    chapters = client.get(standard.get_absolute_url(), filters).context["chapters"]
    assert [row.item.code for chapter in chapters for _section, rows in chapter.sections for row in rows] == codes


def test_the_stage_filter_leaves_the_items_of_that_stage(client, standard):
    chapters = client.get(standard.get_absolute_url(), {"stage": "design"}).context["chapters"]
    shown = [row.item.code for chapter in chapters for _section, rows in chapter.sections for row in rows]
    assert shown == [item.code for item in standard.parsed.items("design")]


def test_the_download_is_what_the_published_hash_is_of(client, standard):
    content = client.get(reverse("standard-json", args=[standard.pk])).content
    assert hashlib.sha256(content).hexdigest() == standard.sha256


def test_the_list_asks_as_often_for_thirty_versions_as_for_three(client, standard):
    def asked():
        with CaptureQueriesContext(connection) as seen:
            client.get(reverse("standards"))
        return len(seen.captured_queries)

    few = asked()
    for number in range(27):
        Standard.objects.create(
            code="X",
            version=str(number),
            name="示例",
            kind="innovation",
            is_official=True,
            document={},
            sha256=str(number),
        )
    assert asked() == few


# --- import ---


@pytest.mark.parametrize("duty", ["organiser", "system_administrator"])
def test_two_duties_bring_a_version_in(client, standard, duty):
    person = published.officer(duty)
    client.force_login(person)
    response = client.post(reverse("standard-import"), upload(NEW_VERSION))
    row = Standard.objects.get(code="REF-SC", version="1.1")
    assert (response.status_code, response.url) == (302, row.get_absolute_url())
    assert [(event.verb, event.actor) for event in Event.objects.of(row)] == [("standard.import", person)]


@pytest.mark.parametrize(
    "duty", ["intake", "approver", "supervisor", "pool_keeper", "security_administrator", "audit_administrator"]
)
def test_other_duties_may_not(client, standard, duty):
    person = published.officer(duty)
    client.force_login(person)
    assert client.get(reverse("standard-import")).status_code == 403
    assert client.post(reverse("standard-import"), upload(NEW_VERSION)).status_code == 403
    with pytest.raises(NotAllowed):
        import_standard(NEW_VERSION.encode(), "x.yaml", by=person)
    assert not Standard.objects.filter(version="1.1").exists()


def test_the_public_is_asked_to_sign_in_before_importing(client, standard):
    assert client.get(reverse("standard-import")).status_code == 302
    assert reverse("standard-import") not in client.get(reverse("standards")).content.decode()


def test_a_refused_file_shows_every_problem_with_its_place_and_its_name_and_imports_nothing(client, standard):
    client.force_login(published.officer("organiser"))
    response = client.post(reverse("standard-import"), upload(TWO_PROBLEMS.replace('"1.0"', '"1.1"')))
    page = response.content.decode()
    places = [place for place, _sentence in response.context["problems"]]
    assert response.status_code == 422
    assert len(places) == 2
    assert all(place.startswith("第 ") and place in page for place in places)
    assert "智慧小区 1.1.yaml" in page
    assert not Standard.objects.filter(version="1.1").exists()


def test_a_known_version_with_another_text_is_refused(client, standard):
    client.force_login(published.officer("organiser"))
    response = client.post(reverse("standard-import"), upload(SAMPLE.replace("光纤入户", "光纤到户", 1)))
    assert response.status_code == 422
    assert "已存在且内容不同" in response.content.decode()


@pytest.mark.parametrize("text", ["", "a: [", "- 1", "a" * (2 * 1024 * 1024 + 1)])
def test_anything_else_is_refused_in_words(client, standard, text):
    client.force_login(published.officer("organiser"))
    assert client.post(reverse("standard-import"), upload(text)).status_code == 422
    assert Standard.objects.count() == 3


def test_the_command_imports_and_names_what_came_in(tmp_path, capsys, standard):
    file = tmp_path / "new.yaml"
    file.write_text(NEW_VERSION, encoding="utf-8")
    call_command("import_standard", str(file))
    row = Standard.objects.get(version="1.1")
    assert capsys.readouterr().out == f"{row} {row.name} {row.sha256}\n"


def test_the_command_leaves_with_2_and_every_problem_on_standard_error(tmp_path, capsys, standard):
    file = tmp_path / "new.yaml"
    file.write_text(TWO_PROBLEMS, encoding="utf-8")
    with pytest.raises(SystemExit) as left:
        call_command("import_standard", str(file))
    lines = capsys.readouterr().err.splitlines()
    assert (left.value.code, len(lines)) == (2, 2)
    assert all(line.startswith("第 ") for line in lines)
