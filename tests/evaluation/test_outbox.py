"""Messages that wait for a look: held with the act, worded, released once; a period that they open waits with them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from evaluation import outbox, telling_time, work
from evaluation.models import HeldMessage, HoldingRule
from evaluation.workflow import APPLICATION, HELD_MESSAGE
from portal import clock, notify, tasks
from portal.demo import journey
from portal.machine import NotAllowed, Stale
from portal.message_kinds import KINDS
from portal.models import Event, Notification
from portal.problems import Changed
from tests.evaluation import scenes
from tests.evaluation.scenes import refused

pytestmark = pytest.mark.django_db

world, own_files = scenes.shared_world()


@pytest.fixture(scope="module")
def pks(world):
    """Two cases with a held message: what each was asked to mend, and that another was refused; ids of the messages."""
    HoldingRule.objects.filter(verb__in=["application.request_correction", "application.refuse"]).update(holds=True)
    for action in (journey.request_correction, journey.refuse):
        action(world.case_at("form_check"))
    return {row.kind: row.pk for row in HeldMessage.objects.all()}


def fresh(pk):
    return HELD_MESSAGE.visible_to(scenes.person("supervisor")).get(pk=pk)


@pytest.fixture
def asked(pks):
    """The correction notice, held."""
    return fresh(pks["correction"])


@pytest.fixture
def refusal(pks):
    return fresh(pks["decision"])


def copies(message):
    return Notification.objects.filter(event=message.event_id)


def words_of(message, **changed):
    """What the page of a message sends."""
    texts = {
        f"{part}_{code}": message.words[language][part]
        for code, language in (("zh", "zh-hans"), ("en", "en"))
        for part in ("subject", "body")
    }
    return {**texts, "revision": message.revision, **changed}


def release(message, who="intake"):
    return HELD_MESSAGE.perform(message, "release", by=scenes.person(who))


class TestHolding:
    def test_nobody_gets_it_in_the_portal_or_by_e_mail_before_it_is_released(self, world, asked):
        (copy,) = copies(asked)
        assert (copy.held_since is not None, notify.deliver(copy.pk), mail.outbox) == (True, False, [])
        assert not Notification.objects.shown_to(world.applicant).filter(pk=copy.pk).exists()

    @pytest.mark.long
    def test_where_the_programme_wants_no_look_it_leaves_with_the_act(self, world):
        HoldingRule.objects.create(programme="smart_community", verb="application.refuse", holds=False, basis="示例")
        case = world.case_at("form_check")
        journey.refuse(case)
        assert not HeldMessage.objects.filter(application=case).exists()
        event = Event.objects.of(case).filter(verb="application.refuse").get()
        assert Notification.objects.get(event=event).held_since is None

    def test_a_period_that_it_opens_does_not_run_meanwhile(self, asked):
        case = scenes.case(asked.application_id)
        assert (case.state, case.due_on, asked.starts, outbox.waits_for_message(case)) == (
            "correction", None, "correction", True
        )  # fmt: skip
        assert tasks.enforce_deadlines(APPLICATION) == 0
        assert scenes.case(case.pk).state == "correction"

    @pytest.mark.parametrize("who, sees", [
        ("intake", True), ("supervisor", True), ("organiser", False), ("approver", False), ("district_officer", False),
        ("applicant", False), ("system_administrator", False), ("security_administrator", False),
    ])  # fmt: skip
    def test_who_holds_the_duty_that_acted_and_the_supervisor_see_it(self, world, client, asked, who, sees):
        person = scenes.person(getattr(world, who).username)
        client.force_login(person)
        answer = client.get(asked.get_absolute_url()).status_code
        acts = {row.action for row in HELD_MESSAGE.available(asked, person)}
        assert (answer, acts) == ((200, {"release", "reword", "cancel"}) if sees else (404, set()))

    def test_it_waits_in_the_work_of_its_duty_and_the_supervisor_hears_when_it_waits_too_long(self, world, asked):
        link = asked.get_absolute_url()
        assert link in [row.link for row in work.waiting_on(scenes.person("intake"))]
        assert link not in [row.link for row in work.waiting_on(scenes.person("approver"))]
        HeldMessage.objects.filter(pk=asked.pk).update(due_on=timezone.localdate() - timedelta(days=14))
        tasks.remind(HELD_MESSAGE)
        told = Notification.objects.filter(kind="due", link=link).values_list("user__username", flat=True)
        assert set(told) == {"intake", "supervisor"}


class TestReleasing:
    def test_it_leaves_once_and_the_second_is_told_who_was_first(self, world, asked):
        other = fresh(asked.pk)
        release(asked)
        with pytest.raises(Stale) as stale:
            release(other, "supervisor")
        assert stale.value.last.actor == world.intake
        (copy,) = copies(asked)
        assert [notify.deliver(copy.pk), notify.deliver(copy.pk)] == [True, False]
        assert len(mail.outbox) == 1
        assert Notification.objects.unread_by(world.applicant).filter(pk=copy.pk).exists()

    def test_the_period_begins_on_the_day_it_leaves_and_the_clock_says_so(self, world, asked):
        case = scenes.case(asked.application_id)
        release(asked)
        due_on = clock.deadline("correction", timezone.localdate(), "smart_community")
        case = scenes.case(case.pk)
        body = copies(asked).get().body
        assert (case.due_on, due_on.isoformat() in body) == (due_on, True)
        lines = telling_time.explain(case).lines[-2:]
        assert [line.due_on for line in lines] == [None, due_on]
        assert "自发出之日起算" in lines[0].sentence
        assert lines[1].basis

    def test_a_case_that_moved_on_keeps_its_own_clock(self, world, asked):
        case = scenes.case(asked.application_id)
        journey.withdraw(case)
        release(asked)
        assert (scenes.case(case.pk).due_on, "期限：" in copies(asked).get().body) == (None, False)

    def test_each_reader_gets_it_in_the_language_of_that_day(self, world, asked):
        type(world.applicant).objects.filter(pk=world.applicant.pk).update(language="en")
        release(asked)
        copy = copies(asked).get()
        text = outbox.previewed(fresh(asked.pk), "en")
        assert (copy.subject, copy.body) == (text.subject, text.body)

    def test_words_that_were_changed_since_they_were_read_do_not_leave(self, world, asked):
        read = asked.revision
        HELD_MESSAGE.perform(
            fresh(asked.pk), "reword", by=world.supervisor, **words_of(asked, subject_zh="示例乙：{案卷}")
        )
        with pytest.raises(Changed) as changed:
            HELD_MESSAGE.perform(asked, "release", by=world.intake, revision=str(read))
        assert (changed.value.now["current"]["subject_zh"], changed.value.now["revision"]) == (
            "示例乙：{案卷}",
            read + 1,
        )
        assert (fresh(asked.pk).state, copies(asked).get().held_since is not None) == ("held", True)

    def test_the_page_shows_the_words_that_stand_beside_those_that_were_read_and_then_releases(
        self, world, asked, client
    ):
        client.force_login(world.intake)
        page = client.get(asked.get_absolute_url())
        read = page.context["texts"]
        sent = {"action": "release", "revision": page.context["forms"]["release"]["revision"].value()}
        HELD_MESSAGE.perform(
            fresh(asked.pk), "reword", by=world.supervisor, **words_of(asked, subject_zh="示例乙：{案卷}")
        )
        answer = client.post(asked.get_absolute_url(), sent)
        assert (answer.status_code, answer.context["read"], answer.context["message"].state) == (409, read, "held")
        assert answer.context["texts"][0][1].subject.startswith("示例乙：")
        sent["revision"] = answer.context["forms"]["release"]["revision"].value()
        assert client.post(asked.get_absolute_url(), sent).status_code == 302
        assert copies(asked).get().subject.startswith("示例乙：")

    def test_who_rewords_what_another_reworded_sees_it_and_may_word_it_again(self, world, asked, client):
        client.force_login(world.intake)
        HELD_MESSAGE.perform(
            fresh(asked.pk), "reword", by=world.supervisor, **words_of(asked, subject_zh="示例乙：{案卷}")
        )
        sent = {"action": "reword", **words_of(asked, subject_zh="示例甲：{案卷}")}
        answer = client.post(asked.get_absolute_url(), sent)
        form = answer.context["rewords"]
        assert (answer.status_code, form["subject_zh"].value()) == (409, "示例甲：{案卷}")
        assert client.post(asked.get_absolute_url(), {**sent, "revision": form["revision"].value()}).status_code == 302
        assert fresh(asked.pk).words["zh-hans"]["subject"] == "示例甲：{案卷}"

    def test_of_several_the_one_that_was_reworded_since_the_list_was_read_stays(self, world, asked, refusal, client):
        client.force_login(world.intake)
        HELD_MESSAGE.perform(
            fresh(asked.pk), "reword", by=world.supervisor, **words_of(asked, subject_zh="示例乙：{案卷}")
        )
        sent = {"message": [asked.pk, refusal.pk], f"revision-{asked.pk}": 1, f"revision-{refusal.pk}": 1}
        answer = client.post(reverse("outbox"), sent, follow=True)
        assert [fresh(pk).state for pk in (asked.pk, refusal.pk)] == ["held", "released"]
        assert "请看过改后的文字再发" in str(list(answer.context["messages"])[1])

    def test_several_are_released_each_for_itself(self, world, asked, refusal, client):
        release(refusal)
        client.force_login(world.intake)
        answer = client.post(reverse("outbox"), {"message": [asked.pk, refusal.pk, "x"]}, follow=True)
        told = [str(message) for message in answer.context["messages"]]
        assert (fresh(asked.pk).state, len(told)) == ("released", 2)

    def test_the_page_releases_everything_that_waits(self, world, pks, client):
        client.force_login(world.intake)
        client.post(reverse("outbox"), {"all": "1"})
        assert set(HeldMessage.objects.filter(pk__in=pks.values()).values_list("state", flat=True)) == {"released"}

    def test_whoever_does_not_hold_the_duty_releases_nothing(self, world, asked):
        with pytest.raises(NotAllowed):
            HELD_MESSAGE.perform(asked, "release", by=world.approver)
        assert copies(asked).get().held_since is not None


class TestWording:
    def test_this_message_alone_says_it_otherwise_and_the_event_keeps_both(self, world, asked):
        body = asked.words["zh-hans"]["body"] + "\n示例：请带原件。"
        event = HELD_MESSAGE.perform(asked, "reword", by=world.intake, **words_of(asked, body_zh=body))
        assert [event.data[when]["zh-hans"]["body"] == body for when in ("before", "after")] == [False, True]
        release(fresh(asked.pk))
        assert "示例：请带原件。" in copies(asked).get().body

    @pytest.mark.parametrize("token", ["{案卷}", "{期限}", "{链接}"])
    @pytest.mark.parametrize("code, language", [("zh", "zh-hans"), ("en", "en")])
    def test_the_legal_core_cannot_be_deleted(self, world, asked, token, code, language):
        texts = asked.words[language]
        changed = {
            f"subject_{code}": texts["subject"].replace(token, "-"),
            f"body_{code}": texts["body"].replace(token, "-"),
        }
        with refused() as problems:
            HELD_MESSAGE.perform(asked, "reword", by=world.intake, **words_of(asked, **changed))
        assert problems == [("place_missing", f"body_{code}")]

    def test_of_two_who_word_it_the_second_sees_what_the_first_wrote(self, world, asked):
        other = fresh(asked.pk)
        first = words_of(asked, subject_zh="示例甲：{案卷}")
        HELD_MESSAGE.perform(asked, "reword", by=world.intake, **first)
        with pytest.raises(Changed) as changed:
            HELD_MESSAGE.perform(other, "reword", by=world.supervisor, **words_of(other, subject_zh="示例乙：{案卷}"))
        assert changed.value.now["current"]["subject_zh"] == "示例甲：{案卷}"
        assert fresh(asked.pk).words["zh-hans"]["subject"] == "示例甲：{案卷}"

    def test_a_required_notice_is_never_cancelled(self, world, refusal):
        with refused() as problems:
            HELD_MESSAGE.perform(refusal, "cancel", by=world.supervisor, reason="示例")
        assert (problems, KINDS[refusal.kind].required) == ([("required_notice", "")], True)

    def test_what_no_law_asks_for_is_cancelled_with_a_reason_and_never_leaves(self, world, refusal):
        HeldMessage.objects.filter(pk=refusal.pk).update(kind="certified")
        copies(refusal).update(kind="certified")
        with refused() as problems:
            HELD_MESSAGE.perform(fresh(refusal.pk), "cancel", by=world.supervisor)
        assert problems == [("required", "reason")]
        HELD_MESSAGE.perform(fresh(refusal.pk), "cancel", by=world.supervisor, reason="示例：证书另函送达")
        (copy,) = copies(refusal)
        assert (fresh(refusal.pk).state, notify.deliver(copy.pk)) == ("cancelled", False)


class TestRules:
    def test_the_security_administrator_changes_a_rule_with_its_basis(self, world, client):
        client.force_login(world.security_administrator)
        sent = {"verb": "application.certify", "programme": "innovation", "holds": "yes", "basis": "示例文号"}
        assert client.post(reverse("holding-rule"), sent).status_code == 302
        row = HoldingRule.objects.get(verb="application.certify", programme="innovation")
        (event,) = Event.objects.of(row)
        assert (row.holds, event.data["before"], event.data["after"], event.data["basis"]) == (
            True, None, True, "示例文号"
        )  # fmt: skip

    @pytest.mark.parametrize("who", ["intake", "supervisor", "system_administrator"])
    def test_nobody_else_does(self, world, who):
        with pytest.raises(NotAllowed):
            outbox.change_rule(getattr(world, who), "", "application.certify", True, "示例", False)

    def test_every_problem_is_told_at_once(self, world):
        with refused() as problems:
            outbox.change_rule(world.security_administrator, "none", "application.submit", True, " ")
        assert problems == [("verb_unknown", "verb"), ("programme_unknown", "programme"), ("required", "basis")]

    def test_who_read_an_older_rule_is_told(self, world):
        person = world.security_administrator
        outbox.change_rule(person, "", "application.certify", True, "示例", False)
        with pytest.raises(Changed):
            outbox.change_rule(person, "", "application.certify", True, "示例", False)


def test_the_list_costs_the_same_for_one_and_for_thirty(world, asked, client, django_assert_max_num_queries):
    client.force_login(world.intake)
    address = reverse("outbox")
    counts = []
    for more in (0, 29):
        for number in range(more):
            event = Event.objects.of(asked.application).first()
            event.pk, event._state.adding = None, True
            event.save()
            HeldMessage.objects.create(
                application=asked.application, event=event, kind="decision", duty="intake", state="held",
                title=f"示例{number}", words=asked.words, values=asked.values,
            )  # fmt: skip
        client.get(address)
        with django_assert_max_num_queries(50) as queries:
            assert client.get(address).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]
