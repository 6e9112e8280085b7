"""The authority's own words in messages: versions, checked before they are kept, that messages are made from."""

from __future__ import annotations

import pytest
from django.urls import reverse

from evaluation import phrasing
from portal import message_texts, notify
from portal.machine import NotAllowed
from portal.message_texts import Wording
from portal.models import Event, MessageText, Notification
from portal.problems import Changed, Refused
from tests.evaluation import scenes
from tests.evaluation.scenes import refused

pytestmark = pytest.mark.django_db

world, own_files = scenes.shared_world()
WORDS = Wording("示例进展：{案卷}", "{案卷}{事项}。\n理由：{理由}\n{链接}")
TOLD = {"subject": "P-1 示例小区", "sentence": "受理了申报"}


@pytest.fixture
def person():
    return scenes.person("security-administrator")


def write(person, words=WORDS, seen=0, language="zh-hans"):
    return phrasing.write(person, "progress", language, words, "示例文号", seen)


def told(world, key):
    notify.write(key, [world.applicant], "progress", "/projects/1/", **TOLD)
    return Notification.objects.get(key__startswith=key)


class TestVersions:
    def test_messages_are_made_from_the_newest_and_keep_the_version_they_were_made_from(self, world, person, settings):
        settings.SITE_URL = "https://stars.example.org"
        before = told(world, "one")
        first = write(person)
        middle = told(world, "two")
        second = write(person, Wording("第二版{案卷}", WORDS.body), 1)
        last = told(world, "three")
        assert [row.text for row in (before, middle, last)] == [None, first, second]
        assert (middle.subject, middle.body) == (
            "示例进展：P-1 示例小区", "P-1 示例小区受理了申报。\nhttps://stars.example.org/projects/1/\n"
        )  # fmt: skip
        assert last.subject == "第二版P-1 示例小区"

    def test_another_language_keeps_its_own_words(self, world, person):
        write(person, language="en")
        assert told(world, "one").text is None

    def test_every_change_is_an_event_with_what_stood_before_and_after(self, person):
        row = write(person)
        (event,) = Event.objects.of(row)
        default = message_texts.default_of("progress", "zh-hans")
        assert (event.verb, event.actor, event.data["before"], event.data["after"]) == (
            "message_text.write", person, {"subject": default.subject, "body": default.body},
            {"subject": WORDS.subject, "body": WORDS.body},
        )  # fmt: skip

    def test_going_back_is_a_new_version_with_the_old_words(self, world, person):
        write(person)
        write(person, Wording("第二版{案卷}", WORDS.body), 1)
        row = phrasing.go_back(person, "progress", "zh-hans", 1, "示例", 2)
        assert (row.number, row.subject) == (3, WORDS.subject)

    def test_going_back_to_the_portals_own_text(self, world, person):
        write(person)
        phrasing.go_back(person, "progress", "zh-hans", 0, "示例", 1)
        assert (told(world, "one").text, "进展：" in told(world, "one").subject) == (None, True)

    def test_who_made_it_from_an_older_version_is_told_what_stands_now(self, person):
        write(person)
        with pytest.raises(Changed) as changed:
            write(person, Wording("别的{案卷}", WORDS.body), 0)
        assert changed.value.now["current"]["subject"] == WORDS.subject
        assert MessageText.objects.count() == 1

    @pytest.mark.parametrize("number, code", [(9, "version_unknown"), (-1, "version_unknown")])
    def test_there_is_no_going_back_to_what_never_was(self, person, number, code):
        with refused() as problems:
            phrasing.go_back(person, "progress", "zh-hans", number, "示例", 0)
        assert problems == [(code, "number")]

    def test_every_problem_is_told_at_once_and_nothing_is_kept(self, person):
        with refused() as problems:
            phrasing.write(person, "progress", "zh-hans", Wording("{没有}", "{案卷"), "", 0)
        assert problems == [
            ("place_unknown", "subject"), ("place_unclosed", "body"), *[("place_missing", "body")] * 4,
            ("required", "basis"),
        ]  # fmt: skip
        assert not MessageText.objects.exists()

    @pytest.mark.parametrize("who", ["intake", "supervisor", "system-administrator", "applicant"])
    def test_nobody_but_the_security_administrator_writes_one(self, world, who):
        with pytest.raises(NotAllowed):
            write(scenes.person(who))

    def test_no_text_is_understood_as_a_template(self, world, person):
        with pytest.raises(Refused):
            write(person, Wording("{案卷}", WORDS.body + "{% load i18n %}"))
        write(person, Wording("{案卷}", WORDS.body + '{{{{ link }}}} {{% now "Y" %}}'))
        assert told(world, "one").body.endswith('{{ link }} {% now "Y" %}\n')


class TestPages:
    ADDRESS = ("progress", "zh-hans")

    def send(self, client, **more):
        sent = {"subject": WORDS.subject, "body": WORDS.body, "basis": "示例", "seen": 0, **more}
        return client.post(reverse("message-text", args=self.ADDRESS), sent)

    def test_a_preview_shows_the_sample_case_in_both_languages_and_keeps_nothing(self, client, person):
        client.force_login(person)
        page = self.send(client, preview="1")
        texts = [text.subject for _code, text in page.context["samples"]]
        assert (page.status_code, MessageText.objects.count()) == (200, 0)
        assert texts[0].startswith("示例进展：CQ-ZHXQ-2026-0001")
        assert "Sample Garden" in texts[1]

    def test_saving_leads_back_to_the_text_and_a_wrong_one_says_why_beside_its_field(self, client, person):
        client.force_login(person)
        wrong = self.send(client, save="1", body="{没有}")
        assert (wrong.status_code, set(wrong.context["form"].errors)) == (422, {"body"})
        assert (self.send(client, save="1").status_code, MessageText.objects.count()) == (302, 1)

    def test_two_versions_are_compared_line_by_line(self, client, person):
        client.force_login(person)
        write(person)
        write(person, Wording(WORDS.subject, WORDS.body.replace("理由：", "原因：")), 1)
        page = client.get(reverse("message-text-compare", args=self.ADDRESS), {"old": 1, "new": 2})
        signs = [[line.sign for line in lines] for _name, lines in page.context["parts"]]
        assert signs == [[" "], [" ", "-", "+", " "]]

    @pytest.mark.parametrize("address", ["nonsense/zh-hans", "progress/fr"])
    def test_what_is_no_text_has_no_page(self, client, person, address):
        client.force_login(person)
        assert client.get(f"/settings/messages/{address}/").status_code == 404

    @pytest.mark.parametrize("who, seen, changed", [
        ("intake", 200, 403), ("security-administrator", 200, 302), ("applicant", 403, 403),
    ])  # fmt: skip
    def test_officers_read_and_one_writes(self, world, client, who, seen, changed):
        client.force_login(scenes.person(who))
        addresses = reverse("message-texts"), reverse("message-text", args=self.ADDRESS)
        assert [client.get(address).status_code for address in addresses] == [seen, seen]
        assert self.send(client, save="1").status_code == changed
