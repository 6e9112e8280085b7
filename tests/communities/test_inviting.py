"""Invitations to act for a unit: who may send, answer and end them, and every link that opens nothing any more."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext

from communities import inviting, members
from communities.models import District, Invitation, Membership, Organisation
from communities.permissions import can, visible_to
from communities.workflow import ORGANISATION
from experts.models import Expert
from portal import clock, tasks
from portal.machine import NotAllowed, Stale
from portal.models import Event, Limit, Notification, User
from portal.problems import Refused
from tests.at_once import at_once
from tests.evaluation import published

ADDRESS = "newcomer@example.org"
PASSWORD = "a-long-pass-phrase-7"


def configure():
    """What a unit needs of the configuration: two districts and the limit of the step."""
    District.objects.create(code="500112", name="渝北区")
    District.objects.create(code="500103", name="渝中区")
    Limit.objects.create(step="member_invitation", days=3, basis="示例")


@pytest.fixture
def configured(db):
    configure()


@pytest.fixture
def unit(configured):
    return published.organisation()


@pytest.fixture
def administrator(unit):
    return published.member(unit, "administrator")


@pytest.fixture
def invited(unit, administrator):
    """An invitation by e-mail, with the address of its link."""
    row = inviting.invite(administrator, unit, f" {ADDRESS.upper()} ", "member")
    return row, link_in_mail()


def link_in_mail():
    """The link as the newest e-mail gives it."""
    tasks.deliver_all()
    return re.search(r"https?://[^/]+(/invitations/\S+)", mail.outbox[-1].body).group(1)


def person(name, **values):
    return published.user(name, **values)


def codes(refused):
    return [(problem.code, problem.place) for problem in refused.value.problems]


def again(user):
    """The person as the next request sees them."""
    return User.objects.get(pk=user.pk)


# --- sending ----------------------------------------------------------------------------------------------------------


def test_an_invitation_by_e_mail_says_who_asks_and_its_secret_is_kept_nowhere(unit, invited):
    row, link = invited
    secret = link.rsplit("/", 2)[1]
    message = Notification.objects.get(address=ADDRESS)
    assert (row.email, row.role, row.invitee, len(row.digest)) == (ADDRESS, "member", None, 64)
    assert (mail.outbox[-1].to, unit.name in mail.outbox[-1].subject) == ([ADDRESS], True)
    assert (message.user, message.body, message.link, message.sent_at is not None) == (None, "", "", True)
    assert [secret in str(event.data) for event in Event.objects.of(unit)] == [False]
    assert secret != row.digest


def test_it_is_valid_until_the_end_of_the_last_day_of_its_limit(invited):
    row, _link = invited
    assert inviting.last_day(row) == clock.deadline("member_invitation", timezone.localdate())
    assert timezone.localtime(row.expires_at).hour == 0


def test_an_account_is_invited_by_its_user_name_and_finds_it_in_its_work(client, unit, administrator):
    newcomer = person("newcomer")
    row = inviting.invite(administrator, unit, " newcomer ", "administrator")
    assert (row.invitee, row.email, row.digest) == (newcomer, "", "")
    assert [message.user for message in Notification.objects.filter(kind="member_invitation")] == [newcomer]
    client.force_login(newcomer)
    assert inviting.address_of(row) in client.get(reverse("my-work")).content.decode()
    assert inviting.address_of(row) in client.get(reverse("organisations")).content.decode()


def test_each_reads_the_invitation_in_the_own_language(unit, administrator):
    User.objects.filter(pk=person("newcomer").pk).update(language="en")
    inviting.invite(administrator, unit, "newcomer", "member")
    inviting.invite(administrator, unit, ADDRESS, "member")
    english, chinese = Notification.objects.filter(subject__contains=unit.name).order_by("pk")
    with translation.override("en"):
        role = gettext("经办人")
    assert (role in english.body, "经办人" in english.body, "经办人" in chinese.body) == (True, False, True)


def test_what_looks_like_an_address_is_one_whoever_took_it_for_a_user_name(unit, administrator):
    thief = person("thief")
    User.objects.filter(pk=thief.pk).update(username=ADDRESS)
    assert inviting.invite(administrator, unit, ADDRESS, "member").invitee is None


@pytest.mark.parametrize(
    "whom,role,expected",
    [
        ("", "member", [("required", "whom")]),
        ("no body", "member", [("username", "whom")]),
        ("n" * 151, "member", [("username", "whom")]),
        ("not@an@address", "member", [("email", "whom")]),
        ("administrator", "member", [("member_already", "whom")]),
        ("waiting", "member", [("invited_already", "whom")]),
        ("waiting@example.net", "member", [("invited_already", "whom")]),
        ("", "king", [("role", "role"), ("required", "whom")]),
    ],
)
def test_who_cannot_be_invited_and_why(unit, administrator, whom, role, expected):
    person("waiting")
    for one in ("waiting", "waiting@example.net"):
        inviting.invite(administrator, unit, one, "member")
    with pytest.raises(Refused) as refused:
        inviting.invite(administrator, unit, whom, role)
    assert codes(refused) == expected
    assert Invitation.objects.count() == 2


# What a user name may hide from whoever guesses at it.
HIDDEN = ("nobody", "somebody", "intake", "expert", "dormant")


@pytest.fixture
def guessed(unit):
    """Somebody behind every one of the names but the first."""
    person("somebody")
    person("dormant", is_active=False)
    published.officer("intake")
    today = timezone.localdate()
    Expert.objects.create(
        state="serving", user=person("expert"), number="E1", employer="示例大学", district=unit.district,
        term_from=today, term_until=today,
    )  # fmt: skip


def told_of(row, unit):
    """All that the unit ever learns of an unanswered invitation."""
    event = Event.objects.of(unit).last()
    columns = row.whom, row.role, row.digest, row.email, row.accepted_at, row.declined_at, row.withdrawn_at
    return [str(value).replace(row.username, "NAME") for value in (*columns, event.verb, event.data)]


def test_every_user_name_is_answered_alike(unit, administrator, guessed):
    rows = [inviting.invite(administrator, unit, name, "member") for name in HIDDEN]
    assert [row.username for row in rows] == list(HIDDEN)
    Invitation.objects.update(sent_at=timezone.now() - timedelta(hours=1))
    told = []
    for row in rows:
        inviting.resend(administrator, Invitation.objects.get(pk=row.pk))
        told.append(told_of(Invitation.objects.get(pk=row.pk), unit))
    assert told == [told[0]] * len(HIDDEN)
    for name in HIDDEN:  # and once more it is waited for, whoever is behind it
        with pytest.raises(Refused) as refused:
            inviting.invite(administrator, unit, name, "member")
        assert codes(refused) == [("invited_already", "whom")]
    for row in rows:
        inviting.withdraw(administrator, Invitation.objects.get(pk=row.pk))


def test_pages_answer_every_user_name_alike(client, unit, administrator, guessed):
    client.force_login(administrator)
    pages = []
    for name in HIDDEN:
        made = client.post(reverse("invitation-new", args=[unit.pk]), {"whom": name, "role": "member"})
        row = Invitation.objects.get(username=name)
        page = client.get(made.url).content.decode()
        shown = re.search(r'<ul class="people">.*?</ul>', page[page.index("待答复的邀请") :], re.S).group(0)
        said = re.findall(r"邀请已发出[^<]*", page)
        pages.append((made.status_code, made.url, said, re.sub(rf"/{row.pk}/|{name}|value=\"[^\"]*\"", "", shown)))
        row.delete()
    assert pages == [pages[0]] * len(HIDDEN)


@pytest.mark.parametrize("name,codes_", [("intake", ["member_is_officer"]), ("expert", ["member_is_expert"])])
def test_what_stands_against_it_is_told_to_whoever_would_accept(unit, administrator, guessed, name, codes_):
    row = inviting.invite(administrator, unit, name, "member")
    bearer = User.objects.get(username=name)
    with pytest.raises(Refused) as refused:
        inviting.accept(bearer, row)
    assert [problem.code for problem in refused.value.problems] == codes_
    assert not Membership.objects.filter(user=bearer).exists()
    assert not Notification.objects.filter(user=administrator).exists()


@pytest.mark.parametrize("answer", [inviting.accept, inviting.decline])
@pytest.mark.parametrize("name", ["nobody", "dormant"])
def test_an_invitation_that_reached_nobody_is_answered_by_nobody(unit, administrator, guessed, name, answer):
    row = inviting.invite(administrator, unit, name, "member")
    late = person("late")  # also not by who takes the name afterwards
    User.objects.filter(pk=late.pk).update(username="nobody-2" if name == "dormant" else name)
    assert inviting.waiting_for(again(late)).count() == 0
    assert inviting.invitation_at(again(late), str(row.pk)) is None
    with pytest.raises(NotAllowed):
        answer(again(late), row)


def test_a_unit_has_only_so_many_unanswered(unit, administrator, monkeypatch):
    monkeypatch.setattr(inviting, "OPEN_AT_MOST", 2)
    for number in range(2):
        inviting.invite(administrator, unit, f"n{number}@example.org", "member")
    with pytest.raises(Refused) as refused:
        inviting.invite(administrator, unit, "n9@example.org", "member")
    assert codes(refused) == [("too_many", "")]


def test_withdrawing_makes_no_room_for_more_e_mails(unit, administrator, monkeypatch):
    monkeypatch.setattr(inviting, "SENT_AT_MOST", 2)
    for _time in range(2):
        inviting.withdraw(administrator, inviting.invite(administrator, unit, ADDRESS, "member"))
    other = published.organisation(number=2)
    Membership.objects.create(user=administrator, organisation=other, role="administrator", since=timezone.localdate())
    for organisation in (unit, other):
        with pytest.raises(Refused) as refused:
            inviting.invite(again(administrator), organisation, ADDRESS, "member")
        assert codes(refused) == [("too_many_sent", "")]
    Invitation.objects.update(sent_at=timezone.now() - timedelta(days=1))
    inviting.invite(administrator, unit, ADDRESS, "member")


# --- who may do what --------------------------------------------------------------------------------------------------

ROLES = ("administrator", "member", "other_administrator", "intake", "stranger", "left")
# act -> who may do it to an unanswered invitation of the unit
MAY = {
    "invite": {"administrator"},
    "resend": {"administrator"},
    "withdraw": {"administrator"},
    "change_role": {"administrator"},
    "end_membership": {"administrator"},
}


@pytest.fixture
def people(unit, administrator):
    other = published.organisation("示例物业有限公司", 2)
    left = published.member(unit, "left", "administrator")
    members.end_membership(administrator, unit.memberships.get(user=left))
    return {
        "administrator": administrator,
        "member": published.member(unit, "clerk", "member"),
        "other_administrator": published.member(other, "other"),
        "intake": published.officer("intake"),
        "stranger": person("stranger"),
        "left": left,
    }


@pytest.mark.parametrize("who", ROLES)
@pytest.mark.parametrize("act", MAY)
def test_each_role_does_exactly_what_it_may(unit, people, act, who):
    row = inviting.invite(people["administrator"], unit, ADDRESS, "member")
    Invitation.objects.update(sent_at=timezone.now() - inviting.PAUSE)
    clerk = unit.memberships.get(user=people["member"])
    acts = {
        "invite": lambda by: inviting.invite(by, unit, "another@example.org", "member"),
        "resend": lambda by: inviting.resend(by, row),
        "withdraw": lambda by: inviting.withdraw(by, row),
        "change_role": lambda by: members.change_role(by, clerk, "administrator"),
        "end_membership": lambda by: members.end_membership(by, clerk),
    }
    allowed = MAY[act] | ({"member"} if act == "end_membership" else set())  # their own: anybody may leave
    by = again(people[who])
    if who in allowed:
        acts[act](by)
    else:
        with pytest.raises(NotAllowed):
            acts[act](by)


@pytest.mark.parametrize("state", ORGANISATION.states)
def test_a_unit_invites_while_its_members_may_be_managed(configured, state):
    unit = published.organisation(state=state)
    by = published.member(unit)
    if state in {"draft", "returned", "submitted", "active"}:
        assert inviting.invite(by, unit, ADDRESS, "member").pk
    else:
        with pytest.raises(NotAllowed):
            inviting.invite(by, unit, ADDRESS, "member")


# --- answering --------------------------------------------------------------------------------------------------------


def test_whoever_has_no_account_makes_one_and_comes_back_to_accept(client, unit, invited):
    _row, link = invited
    shown = client.get(link).content.decode()
    register = reverse("register") + f"?next={link}"
    assert (unit.name in shown, f'href="{register}"' in shown) == (True, True)
    values = {
        "username": "newcomer",
        "name": "示例新人",
        "email": ADDRESS,
        "password1": PASSWORD,
        "password2": PASSWORD,
    }
    assert f'name="next" value="{link}"' in client.get(register).content.decode()
    assert client.post(register, {**values, "next": link}).url == link
    assert client.post(link, {"answer": "accept"}).url == unit.get_absolute_url()
    row = unit.memberships.get(user__username="newcomer")
    assert (row.role, row.until, row.since) == ("member", None, timezone.localdate())
    assert client.get(unit.get_absolute_url()).status_code == 200


def test_registering_leads_to_no_page_of_somebody_elses(client, db):
    values = {"username": "shili", "name": "示例", "email": ADDRESS, "password1": PASSWORD, "password2": PASSWORD}
    answer = client.post(reverse("register"), {**values, "next": "https://evil.example.com/"})
    assert answer.url == reverse("organisations")


def test_accepting_is_told_to_whoever_invited_and_stands_in_the_trail(unit, administrator, invited):
    row, _link = invited
    newcomer = person("newcomer")
    inviting.accept(newcomer, row)
    row.refresh_from_db()
    assert (row.accepted_by, row.accepted_at is not None) == (newcomer, True)
    assert [event.verb for event in Event.objects.of(unit)] == ["organisation.invite", "organisation.join"]
    assert Notification.objects.filter(user=administrator, kind="organisation").count() == 1
    assert can(again(newcomer), "view", unit)


def close(row, how):
    """Bring an invitation to where it cannot be accepted any more."""
    now = timezone.now()
    columns = {
        "withdrawn": {"withdrawn_at": now},
        "used": {"accepted_at": now, "accepted_by": row.invited_by},
        "declined": {"declined_at": now},
        "expired": {"expires_at": now - timedelta(seconds=1)},
    }
    Invitation.objects.filter(pk=row.pk).update(**columns[how])


SENTENCES = {
    "withdrawn": "已被单位撤回", "used": "已被接受", "declined": "已被谢绝", "expired": "已过有效期",
}  # fmt: skip


@pytest.mark.parametrize("how", SENTENCES)
@pytest.mark.parametrize("signed_in", [True, False])
def test_a_link_that_is_closed_says_why_and_admits_nobody(client, unit, invited, how, signed_in):
    row, link = invited
    close(row, how)
    if signed_in:
        client.force_login(person("newcomer"))
    for answer in (client.get(link), client.post(link, {"answer": "accept"}, follow=True)):
        page = answer.content.decode()
        assert (answer.status_code, SENTENCES[how] in page, 'value="accept"' in page) == (200, True, False)
    assert unit.memberships.count() == 1


def test_a_link_sent_to_another_address_admits_nobody_else(client, unit, invited):
    _row, link = invited
    client.force_login(person("somebody"))
    page = client.get(link).content.decode()
    answer = client.post(link, {"answer": "accept"}, follow=True).content.decode()
    assert ("发给另一个电子邮箱" in page, "发给另一个电子邮箱" in answer, 'value="accept"' in page) == (
        True,
        True,
        False,
    )
    assert unit.memberships.count() == 1


def test_an_invitation_to_an_account_is_found_by_nobody_else(client, unit, administrator):
    newcomer = person("newcomer")
    address = inviting.address_of(inviting.invite(administrator, unit, "newcomer", "member"))
    assert client.get(address).url.startswith(reverse("sign-in"))
    client.force_login(person("somebody"))
    assert (client.get(address).status_code, client.post(address, {"answer": "accept"}).status_code) == (404, 404)
    client.force_login(newcomer)
    assert (client.get(address).status_code, client.post(address, {"answer": "accept"}).status_code) == (200, 302)
    assert visible_to(again(newcomer)).get() == unit


@pytest.mark.parametrize("key", ["nonsense", "0", "9" * 25, "x" * 43])
def test_an_unknown_link_says_what_may_be_the_matter(client, configured, key):
    client.force_login(person("somebody"))
    answer = client.get(reverse("invitation", args=[key]))
    assert (answer.status_code, "没有找到这份邀请" in answer.content.decode()) == (404, True)


@pytest.mark.parametrize("bar", ["officer", "expert", "member"])
def test_whom_no_unit_may_take_is_refused_when_accepting_too(unit, invited, bar):
    row, _link = invited
    newcomer = person("newcomer")
    today = timezone.localdate()
    if bar == "officer":
        newcomer.duties.create(duty="intake", since=today)
    elif bar == "expert":
        Expert.objects.create(
            state="serving",
            user=newcomer,
            number="E1",
            employer="示例",
            district=unit.district,
            term_from=today,
            term_until=today,
        )
    else:
        Membership.objects.create(user=newcomer, organisation=unit, role="member", since=today)
    with pytest.raises(Refused) as refused:
        inviting.accept(newcomer, row)
    wanted = {"officer": "member_is_officer", "expert": "member_is_expert", "member": "member_already"}
    assert codes(refused) == [(wanted[bar], "")]
    assert Invitation.objects.get(pk=row.pk).accepted_at is None


@pytest.mark.parametrize("state", ["refused", "banned"])
def test_a_unit_that_may_take_nobody_takes_nobody_by_an_old_invitation(unit, invited, state):
    row, _link = invited
    Organisation.objects.filter(pk=unit.pk).update(state=state)
    row = Invitation.objects.get(pk=row.pk)
    with pytest.raises(Refused) as refused:
        inviting.accept(person("newcomer"), row)
    assert codes(refused) == [("organisation_closed", "")]


def test_saying_no_ends_it_and_is_told(client, unit, administrator, invited):
    row, link = invited
    newcomer = person("newcomer")
    client.force_login(newcomer)
    assert client.post(link, {"answer": "decline"}).url == reverse("my-work")
    row.refresh_from_db()
    assert (row.declined_at is not None, unit.memberships.count()) == (True, 1)
    with pytest.raises(Refused) as refused:
        inviting.accept(newcomer, row)
    assert codes(refused) == [("declined", "")]
    assert inviting.invite(administrator, unit, ADDRESS, "member").pk != row.pk


def test_sent_again_it_has_another_link_and_the_old_one_ends(client, unit, administrator, invited):
    row, old = invited
    with pytest.raises(Refused) as refused:
        inviting.resend(administrator, row)
    assert codes(refused) == [("sent_just_now", "")]
    Invitation.objects.update(sent_at=timezone.now() - inviting.PAUSE, expires_at=timezone.now() - timedelta(days=1))
    inviting.resend(administrator, Invitation.objects.get(pk=row.pk))
    new = link_in_mail()
    client.force_login(person("newcomer"))
    assert (client.get(old).status_code, client.post(new, {"answer": "accept"}).url) == (404, unit.get_absolute_url())


@pytest.mark.parametrize("how", ["left", "member"])
def test_who_administers_the_unit_no_more_brings_nobody_in(client, unit, administrator, invited, how):
    row, link = invited
    other = published.member(unit, "other-administrator")
    theirs = Membership.objects.get(user=administrator)
    if how == "left":
        members.end_membership(other, theirs)
    else:
        members.change_role(other, theirs, "member")
    newcomer = person("newcomer")
    with pytest.raises(Refused) as refused:
        inviting.accept(newcomer, row)
    assert codes(refused) == [("sender_left", "")]
    assert "发出邀请的人已不是该单位的管理员" in client.get(link).content.decode()
    Invitation.objects.update(sent_at=timezone.now() - inviting.PAUSE)
    inviting.resend(other, Invitation.objects.get(pk=row.pk))
    assert inviting.accept(newcomer, Invitation.objects.get(pk=row.pk)).organisation == unit


def test_who_read_it_before_it_was_sent_anew_does_not_accept_by_the_old_secret(unit, administrator, invited):
    row, _link = invited
    Invitation.objects.update(sent_at=timezone.now() - inviting.PAUSE)
    inviting.resend(administrator, Invitation.objects.get(pk=row.pk))
    with pytest.raises(Refused) as refused:
        inviting.accept(person("newcomer"), row)
    assert codes(refused) == [("changed", "")]


@pytest.mark.parametrize("how", ["withdrawn", "used", "declined"])
@pytest.mark.parametrize("act", [inviting.resend, inviting.withdraw])
def test_what_is_answered_is_neither_sent_again_nor_withdrawn(unit, administrator, invited, how, act):
    row, _link = invited
    Invitation.objects.update(sent_at=timezone.now() - inviting.PAUSE)
    close(row, how)
    with pytest.raises(Refused) as refused:
        act(administrator, row)
    assert codes(refused) == [(how, "")]


@pytest.mark.django_db(transaction=True)
def test_of_two_who_accept_one_link_at_once_one_becomes_a_member():
    configure()
    unit = published.organisation()
    row = inviting.invite(published.member(unit), unit, ADDRESS, "member")
    one, other = person("one"), person("other")
    User.objects.filter(pk__in=[one.pk, other.pk]).update(email=ADDRESS)
    found = [(again(user), Invitation.objects.get(pk=row.pk)) for user in (one, other)]
    outcomes = at_once(*[lambda pair=pair: inviting.accept(*pair) for pair in found])
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Membership", "Refused"]
    assert unit.memberships.count() == 2


@pytest.mark.django_db(transaction=True)
def test_of_two_accepts_by_the_same_person_at_once_one_counts():
    configure()
    unit = published.organisation()
    row = inviting.invite(published.member(unit), unit, ADDRESS, "member")
    person("newcomer")
    found = [(User.objects.get(username="newcomer"), Invitation.objects.get(pk=row.pk)) for _ in range(2)]
    outcomes = at_once(*[lambda pair=pair: inviting.accept(*pair) for pair in found])
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Membership", "Refused"]
    assert Event.objects.of(unit).filter(verb="organisation.join").count() == 1


# --- the unit's page, parts, leaving ----------------------------------------------------------------------------------


def test_the_units_page_lists_open_invitations_for_its_administrators_only(client, unit, administrator, invited):
    for who, shown in ((administrator, True), (published.member(unit, "clerk", "member"), False)):
        client.force_login(who)
        page = client.get(unit.get_absolute_url()).content.decode()
        assert (ADDRESS in page.partition("经过</h2>")[0], "邀请成员" in page) == (shown, shown)


def test_the_forms_of_the_units_page_do_what_they_say(client, unit, administrator):
    client.force_login(administrator)
    wrong = client.post(reverse("invitation-new", args=[unit.pk]), {"whom": "no body", "role": "member"})
    assert (wrong.status_code, "用户名的写法不对" in wrong.content.decode()) == (422, True)
    client.post(reverse("invitation-new", args=[unit.pk]), {"whom": ADDRESS, "role": "member"})
    row = Invitation.objects.get()
    again_at_once = client.post(reverse("invitation-resend", args=[row.pk]), follow=True).content.decode()
    assert "刚刚发送过" in again_at_once
    client.post(reverse("invitation-withdraw", args=[row.pk]))
    row.refresh_from_db()
    assert row.withdrawn_at is not None


@pytest.mark.parametrize("name", ["invitation-resend", "invitation-withdraw"])
@pytest.mark.parametrize("who", ["member", "other_administrator", "intake", "stranger"])
def test_others_do_not_find_an_invitation(client, unit, people, name, who):
    row = inviting.invite(people["administrator"], unit, ADDRESS, "member")
    client.force_login(people[who])
    assert client.post(reverse(name, args=[row.pk])).status_code == 404


def test_a_part_changes_and_rights_with_it(client, unit, administrator):
    clerk = published.member(unit, "clerk", "member")
    row = unit.memberships.get(user=clerk)
    client.force_login(administrator)
    client.post(reverse("member-role", args=[row.pk]), {"role": "administrator"})
    assert can(again(clerk), "manage_members", unit)
    client.post(reverse("member-role", args=[row.pk]), {"role": "member"})
    assert not can(again(clerk), "manage_members", unit)
    told = [event.data["as_role"] for event in Event.objects.of(unit).filter(verb="organisation.change_role")]
    assert told == ["administrator", "member"]
    assert Notification.objects.filter(user=clerk).count() == 2


def test_the_last_administrator_stays_one(client, unit, administrator):
    row = unit.memberships.get(user=administrator)
    with pytest.raises(Refused) as refused:
        members.change_role(administrator, row, "member")
    assert codes(refused) == [("last_administrator", "")]
    client.force_login(administrator)
    page = client.post(reverse("member-role", args=[row.pk]), {"role": "member"}, follow=True).content.decode()
    assert "至少要留一名单位管理员" in page
    assert can(again(administrator), "manage_members", unit)


def test_a_part_that_does_not_exist_is_refused_and_who_left_has_none(unit, administrator):
    row = unit.memberships.get(user=published.member(unit, "clerk", "member"))
    with pytest.raises(Refused) as refused:
        members.change_role(administrator, row, "king")
    assert codes(refused) == [("role", "role")]
    members.end_membership(administrator, row)
    with pytest.raises(Stale):
        members.change_role(administrator, row, "administrator")


def test_somebody_who_left_comes_back_by_another_invitation_on_the_same_day(unit, administrator):
    clerk = published.member(unit, "clerk", "member")
    members.end_membership(administrator, unit.memberships.get(user=clerk))
    assert not can(again(clerk), "view", unit)
    inviting.accept(clerk, inviting.invite(administrator, unit, "clerk", "member"))
    assert can(again(clerk), "view", unit)


def test_a_person_of_two_units_keeps_the_one_when_leaving_the_other(client, unit, administrator):
    other = published.organisation("示例物业有限公司", 2)
    published.member(other, "other")
    clerk = published.member(unit, "clerk", "member")
    Membership.objects.create(user=clerk, organisation=other, role="administrator", since=timezone.localdate())
    client.force_login(clerk)
    page = client.get(reverse("organisations")).content.decode()
    assert (unit.name in page, other.name in page, "经办人" in page, "单位管理员" in page) == (True,) * 4
    members.end_membership(administrator, unit.memberships.get(user=clerk))
    assert (client.get(unit.get_absolute_url()).status_code, client.get(other.get_absolute_url()).status_code) == (
        404,
        200,
    )


def test_the_page_of_a_unit_asks_as_often_with_thirty_invitations_as_with_one(
    client, unit, administrator, django_assert_num_queries
):
    client.force_login(administrator)
    person("first")
    inviting.invite(administrator, unit, "first", "member")
    with CaptureQueriesContext(connection) as few:
        client.get(unit.get_absolute_url())
    for number in range(15):
        person(f"p{number}")
        inviting.invite(administrator, unit, f"p{number}", "member")
        inviting.invite(administrator, unit, f"p{number}@example.net", "member")
    with django_assert_num_queries(len(few)):
        client.get(unit.get_absolute_url())
