"""A form whose session had ended: what was typed comes back after signing in, to its writer alone, and nothing saves itself."""

import re
from html import unescape

import pytest
from django.core import signing
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from communities.models import Community, District, Membership, Organisation
from portal import kept
from portal.models import User

pytestmark = pytest.mark.django_db
PASSWORD = "a long enough word 2026"
TYPED = {"reply": "写了很久\r\n的答复 <b>", "seen": "reply:abcdefabcdef"}


@pytest.fixture
def writer():
    return User.objects.create_user("writer", password=PASSWORD, name="示例甲")


@pytest.fixture
def another():
    return User.objects.create_user("another", password=PASSWORD, name="示例乙")


def send(client, person, **typed):
    """An ordinary form of the desk, sent without a session."""
    return client.post(reverse("finding-reply", args=[1, 1]), {**TYPED, "person": str(person.pk), **typed})


def carried(answer):
    found = re.search(r'name="kept" value="([^"]*)"', answer.content.decode())
    return unescape(found[1]) if found else ""


def sign_in(client, user, payload, password=PASSWORD):
    return client.post(reverse("sign-in"), {"username": user.username, "password": password, "kept": payload})


def test_what_was_typed_is_shown_after_signing_in_and_goes_where_it_was_meant_for(client, writer):
    answer = send(client, writer)
    assert answer.status_code == 401
    assert sign_in(client, writer, carried(answer)).url == reverse("kept")
    shown = client.get(reverse("kept")).content.decode()
    assert "写了很久" in shown
    assert "&lt;b&gt;" in shown
    assert f'action="{reverse("finding-reply", args=[1, 1])}"' in shown
    assert 'name="seen" value="reply:abcdefabcdef"' in shown


def test_a_wrong_password_loses_nothing(client, writer):
    again = sign_in(client, writer, carried(send(client, writer)), "wrong")
    assert sign_in(client, writer, carried(again)).url == reverse("kept")


def test_another_person_sees_nothing_of_it(client, writer, another):
    assert sign_in(client, another, carried(send(client, writer))).url == reverse("my-work")
    assert client.get(reverse("kept")).url == reverse("my-work")


@pytest.mark.parametrize(
    "payload",
    ["", "x", signing.dumps({"path": "/", "fields": []}, salt="another"), signing.dumps({"path": "//evil"})],
    ids=["nothing", "noise", "for another use", "leads elsewhere"],
)
def test_what_we_did_not_sign_is_not_carried(client, writer, payload):
    assert sign_in(client, writer, payload).url == reverse("my-work")


def test_after_an_hour_it_is_gone(client, writer, monkeypatch):
    payload = carried(send(client, writer))
    monkeypatch.setattr(kept, "SECONDS", -1)
    assert sign_in(client, writer, payload).url == reverse("my-work")


def test_what_is_too_large_or_nobodys_or_a_script_is_not_carried(client, writer):
    large = send(client, writer, reply="字" * kept.LARGEST)
    nobodys = client.post(reverse("finding-reply", args=[1, 1]), TYPED)
    script = client.post(reverse("finding-reply", args=[1, 1]), TYPED, headers={"accept": "application/json"})
    assert [answer.status_code for answer in (large, nobodys, script)] == [302, 302, 401]


def test_a_forged_form_is_refused_before_anything_is_carried(writer):
    answer = send(Client(enforce_csrf_checks=True), writer)
    assert (answer.status_code, carried(answer)) == (403, "")
    assert "没有保存" in answer.content.decode()


def test_there_is_nothing_to_see_without_signing_in(client):
    assert client.get(reverse("kept")).status_code == 302


class TestFormsThatAreFilledInAgain:
    """Units and communities: what was typed stands in the form itself after signing in."""

    PAGES = ("organisation-new", "organisation-edit", "organisation-contact", "organisation-change-new",
             "community-new", "community-edit")  # fmt: skip

    @pytest.fixture
    def addresses(self, writer):
        districts = [
            District.objects.create(code="500112", name="渝北区"),
            District.objects.create(code="500103", name="渝中区"),
        ]
        columns = {"kind": "developer", "district": districts[0], "address": "旧址", "contact": "甲", "phone": "1"}
        draft, active = (
            Organisation.objects.create(credit_code=f"{number:018}", name="示例旧名", state=state, **columns)
            for number, state in enumerate(("draft", "active"))
        )
        for unit in (draft, active):
            Membership.objects.create(user=writer, organisation=unit, role="administrator", since=timezone.localdate())
        community = Community.objects.create(
            organisation=active,
            name="示例旧名",
            district=districts[0],
            address="旧址",
            floor_area=1,
            households=1,
            buildings=1,
        )
        rows = (None, draft, active, active, active, community)
        return {page: reverse(page, args=[row.pk] if row else []) for page, row in zip(self.PAGES, rows, strict=True)}

    TYPED = {
        "name": "示例新名", "district": "500103", "kind": "property", "address": "新址 <b>", "contact": "乙", "phone": "2",
        "undertaking": "on", "households": "77x", "planning_permit_on": "2025-03-01",
    }  # fmt: skip

    def sent(self, client, writer, address, **more):
        return client.post(address, {**self.TYPED, "person": str(writer.pk), "refill": "1", **more})

    def shown(self, page):
        """Name of a field -> what stands in it."""
        form = page.context["form"]
        return {name: form[name].value() for name in form.fields if name in self.TYPED}

    @pytest.mark.parametrize("name", PAGES)
    def test_what_was_typed_stands_in_the_form_and_nothing_is_saved(self, client, writer, addresses, name):
        answer = self.sent(client, writer, addresses[name])
        assert answer.status_code == 401
        assert sign_in(client, writer, carried(answer)).url == addresses[name]
        for _look in range(2):  # also after reloading
            page = client.get(addresses[name])
            shown = self.shown(page)
            assert shown == {field: self.TYPED[field] for field in shown}
            assert len(shown) >= 2
            text = page.content.decode()
            files = name == "organisation-change-new"
            assert ("已为您填回，请核对后保存" in text, "选过的文件须重新选择" in text) == (True, files)
        assert {*Organisation.objects.values_list("name", flat=True)} == {"示例旧名"}
        assert Community.objects.get().name == "示例旧名"

    def test_a_box_that_was_not_ticked_is_not_ticked_again(self, client, writer, addresses):
        Organisation.objects.update(undertaking=True)
        address = addresses["organisation-edit"]
        typed = {**self.TYPED, "person": str(writer.pk), "refill": "1"}
        del typed["undertaking"]
        sign_in(client, writer, carried(client.post(address, typed)))
        assert not client.get(address).context["form"]["undertaking"].value()

    def test_once_it_was_sent_the_form_shows_what_is_kept(self, client, writer, addresses):
        address = addresses["organisation-contact"]
        sign_in(client, writer, carried(self.sent(client, writer, address)))
        assert client.post(address, {"contact": "丙", "phone": "3"}).status_code == 302
        assert self.shown(client.get(address)) == {"contact": "丙", "phone": "3"}

    def test_other_pages_are_not_filled_in(self, client, writer, addresses):
        sign_in(client, writer, carried(self.sent(client, writer, addresses["organisation-new"])))
        assert self.shown(client.get(addresses["organisation-edit"]))["name"] == "示例旧名"

    def test_a_form_goes_without_its_file_which_is_chosen_again(self, client, writer, addresses):
        address = addresses["organisation-change-new"]
        answer = self.sent(client, writer, address, licence=SimpleUploadedFile("执照.pdf", b"%PDF-"))
        assert sign_in(client, writer, carried(answer)).url == address
        page = client.get(address).content.decode()
        assert ("示例新名" in page, "选过的文件须重新选择" in page) == (True, True)

    def test_another_person_finds_nothing_filled_in(self, client, writer, another, addresses):
        answer = self.sent(client, writer, addresses["organisation-new"])
        assert sign_in(client, another, carried(answer)).url == reverse("my-work")
        assert "示例新名" not in client.get(addresses["organisation-new"]).content.decode()

    @pytest.mark.parametrize("name", PAGES)
    def test_the_page_itself_says_whose_it_is_and_that_it_can_be_filled_in(self, client, writer, addresses, name):
        client.force_login(writer)
        page = client.get(addresses[name]).content.decode()
        assert (f'name="person" value="{writer.pk}"' in page, 'name="refill" value="1"' in page) == (True, True)
