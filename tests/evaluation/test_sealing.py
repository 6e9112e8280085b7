"""Certificates are sealed by the worker with a key of ours, keys change, and whoever asks gets what verification needs."""

from __future__ import annotations

import json
import logging
from datetime import timedelta

import pytest
import segno
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from evaluation import outcome, printing, sealing, seals
from evaluation.models import Application, Certificate, IssuerKey, RevocationList
from evaluation.workflow import APPLICATION, CERTIFICATE
from portal import tasks
from portal.models import Event
from portal.problems import Refused
from tests.evaluation import published, scenes

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture(scope="module", autouse=True)
def configured(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        yield


def issued(number=1, **values):
    """A certificate as the worker issues it."""
    return outcome.issue_certificate(
        published.judged(f"示例·第{number}小区", number=number, **values), published.today()
    )


def says(certificate, day=None):
    """What the published files say of the code on a certificate."""
    newest = sealing.newest_list()
    keys = seals.read_keys(sealing.keys_document())
    ended = json.loads(newest.content) if newest else None
    return seals.verify(printing.check_code(certificate), keys, ended, day or published.today())


def end(certificate, state="revoked"):
    Certificate.objects.filter(pk=certificate.pk).update(state=state)


class TestSeal:
    def test_an_issued_certificate_verifies_by_the_published_keys_alone(self):
        certificate = Certificate.objects.get(pk=issued().pk)
        found = says(certificate)
        assert (found.code, found.listed_on) == ("valid", "")
        assert dict(found.values) == {
            "version": "v1",
            "number": certificate.number,
            "community": "示例·第1小区",
            "level": 2,
            "level_name": "二星级",
            "stage": "completion",
            "is_final": True,
            "standard_sha256": certificate.standard_sha256,
            "issued_on": certificate.issued_on.isoformat(),
            "valid_until": certificate.valid_until.isoformat(),
            "key": certificate.seal_key_id,
        }

    def test_it_holds_from_its_last_day_to_none_after(self):
        certificate = issued()
        assert [says(certificate, certificate.valid_until + late).code for late in (0 * DAY, DAY)] == [
            "valid",
            "expired",
        ]

    def test_the_longest_names_still_make_a_code_that_a_telephone_reads_and_a_small_file(self):
        application = published.judged("长" * 80, state="certified")
        certificate = outcome.issue_certificate(application, published.today())
        code = printing.check_code(certificate)
        made = segno.make(code, error="m", micro=False, boost_error=False)
        side = made.symbol_size(border=4)[0]
        assert (made.version <= 21, 40 / side > 0.33) == (True, True)  # millimetres a module on paper
        assert certificate.file.size < 300_000


class TestKeys:
    def test_without_a_key_nothing_is_issued_in_production(self, settings):
        application = published.judged()
        IssuerKey.objects.update(is_current=False, retired=published.today())
        with pytest.raises(Refused) as refused:
            outcome.issue_certificate(application, published.today())
        assert [problem.code for problem in refused.value.problems] == ["no_issuer_key"]
        assert Certificate.objects.count() == 0
        settings.DEBUG = True
        certificate = outcome.issue_certificate(application, published.today())
        assert certificate.seal_key == IssuerKey.objects.get(is_current=True)

    def test_a_case_that_waits_for_a_key_says_so_to_officers_and_goes_on_once_there_is_one(self, caplog):
        application = published.judged(state="certifying")
        key = IssuerKey.objects.get()
        IssuerKey.objects.update(is_current=False, retired=published.today())
        with caplog.at_level(logging.CRITICAL):
            tasks.advance("application", application.pk)
        stuck = Application.objects.get(pk=application.pk)
        assert (stuck.state, "manage.py issuer_key make" in stuck.fault) == ("certifying", True)
        made = sealing.make_key()
        APPLICATION.perform(stuck, "retry", by=published.officer("intake"))
        tasks.advance("application", application.pk)
        certificate = Certificate.objects.get()
        assert (certificate.seal_key, made == key, says(certificate).code) == (made, False, "valid")

    def test_a_private_key_is_read_by_its_owner_alone_and_stands_in_no_row(self):
        key = sealing.first_key()
        path = sealing.path_of(key.code)
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o077 == 0
        secret = path.read_text().splitlines()[1]
        columns = [str(value) for row in IssuerKey.objects.values() for value in row.values()]
        told = [json.dumps(event.data) for event in Event.objects.filter(verb="issuer_key.make")]
        assert [text for text in (*columns, *told) if secret in text] == []

    @pytest.mark.parametrize("harm", ["readable", "missing", "empty", "another"])
    def test_a_file_that_cannot_be_trusted_seals_nothing(self, harm):
        application, key = published.judged(), sealing.make_key()
        path = sealing.path_of(key.code)
        if harm == "readable":
            path.chmod(0o640)
        elif harm == "missing":
            path.unlink()
        else:
            path.write_text(
                "" if harm == "empty" else sealing.path_of(IssuerKey.objects.get(is_current=False).code).read_text()
            )
        with pytest.raises(Refused) as refused:
            outcome.issue_certificate(application, published.today())
        assert [problem.code for problem in refused.value.problems] == ["issuer_key_unreadable"]

    def test_keys_change_and_what_the_old_one_sealed_stays_right(self):
        old = issued(1)
        sealing.make_key()
        new = issued(2)
        assert (says(old).code, says(new).code) == ("valid", "valid")
        assert old.seal_key_id != new.seal_key_id
        rows = {row["id"]: row["retired"] for row in sealing.keys_document()["keys"]}
        assert rows == {old.seal_key_id: published.today().isoformat(), new.seal_key_id: None}
        assert Event.objects.filter(verb="issuer_key.make").last().data == {
            "key": new.seal_key_id,
            "retired": old.seal_key_id,
        }

    def test_there_is_one_current_key_however_often_one_is_asked_for(self):
        assert {sealing.first_key().code for _ in range(3)} == {IssuerKey.objects.get(is_current=True).code}


class TestList:
    def test_it_names_what_ended_before_its_last_day_and_nothing_else(self):
        rows = [issued(number) for number in range(1, 5)]
        for row, state in zip(rows, ("revoked", "superseded", "expired", "valid"), strict=True):
            end(row, state)
        assert sealing.renew_list() == 2
        ended = json.loads(sealing.newest_list().content)["certificates"]
        assert sorted(ended) == sorted(row.number for row in rows[:2])
        assert [says(row).code for row in rows] == ["revoked", "superseded", "valid", "valid"]
        assert (says(rows[0]).since, says(rows[0]).listed_on) == (published.today().isoformat(),) * 2

    def test_it_is_made_anew_after_every_end_and_on_every_day_and_not_otherwise(self):
        row = issued()
        made = []
        for happens in (None, None, "end", None, "day", None):
            if happens == "end":
                end(row)
            if happens == "day":
                RevocationList.objects.update(day=published.today() - DAY)
            sealing.renew_list()
            made.append(Event.objects.filter(verb="revocation_list.sign").count())
        assert made == [1, 1, 2, 2, 3, 3]
        assert RevocationList.objects.count() == 1

    def test_the_act_that_ends_a_certificate_asks_the_worker_for_a_new_one(self, django_capture_on_commit_callbacks):
        row = issued()
        with tasks.silence(), django_capture_on_commit_callbacks() as asked:
            CERTIFICATE.perform(row, "revoke", by=None, reason="造假", sanction="示例-1")
        assert [getattr(each, "args", ()) for each in asked if sealing.make_list in getattr(each, "args", ())] == [
            (sealing.make_list,)
        ]
        sealing.make_list()
        assert says(row).code == "revoked"

    def test_without_a_key_there_is_none(self, client):
        assert (sealing.renew_list(), sealing.newest_list()) == (0, None)
        assert client.get(reverse("revocations")).status_code == 404


class TestWhatIsPublished:
    @pytest.mark.parametrize("name", ["issuer-keys", "revocations", "certificate-verifier"])
    def test_files_are_saved_asked_for_anew_and_never_run_on_our_site(self, client, name):
        end(issued())
        sealing.renew_list()
        answer = client.get(reverse(name))
        assert answer["Content-Disposition"].startswith("attachment; filename=")
        assert (answer["Cache-Control"], answer["Content-Security-Policy"]) == (
            "no-cache",
            "sandbox; default-src 'none'",
        )
        again = client.get(reverse(name), headers={"If-None-Match": answer["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
        sealing.make_key()
        sealing.renew_list()
        changed = client.get(reverse(name), headers={"If-None-Match": answer["ETag"]}).status_code
        assert changed == (304 if name == "revocations" else 200)

    @pytest.mark.parametrize("name", ["verify_certificate.py", "certificate_vectors.json", "certificate.md"])
    def test_documents_are_the_files_of_the_project(self, client, name, settings):
        answer = client.get(reverse("certificate-document", args=[name]))
        assert answer.content == (settings.BASE_DIR / "docs" / name).read_bytes()

    @pytest.mark.parametrize("name", ["operator.md", "..%2Fmanage.py", "verify_draw.py", "x"])
    def test_no_other_file_is_given_out(self, client, name):
        assert client.get(f"/certificates/documents/{name}").status_code == 404

    def test_the_api_gives_keys_list_and_seal(self, client):
        row = issued()
        end(row)
        sealing.renew_list()
        keys = client.get("/api/v1/certificates/issuer-keys/").json()
        ended = client.get("/api/v1/certificates/revocations/").json()
        told = client.get(f"/api/v1/certificates/{row.number}/").json()
        found = seals.verify(told["seal"], seals.read_keys(keys), ended, published.today())
        assert (found.code, told["seal_key"]) == ("revoked", row.seal_key_id)


class TestPage:
    def test_it_names_the_key_and_leads_to_everything_that_verifies(self, client):
        row = issued()
        sealing.renew_list()
        page = client.get(row.get_absolute_url()).content.decode()
        wanted = [row.seal_key_id, f'data-seal="{row.seal}"', f"撤销名单截至 {published.today():%Y-%m-%d}"]
        wanted += [reverse(name) for name in ("certificate-verifier", "issuer-keys", "revocations")]
        assert [part for part in wanted if part not in page] == []

    def test_an_old_one_without_a_seal_says_so(self, client):
        page = client.get(published.certificate().get_absolute_url()).content.decode()
        assert ("本证书发放时尚无数字签名" in page, "data-seal" in page) == (True, False)

    @pytest.mark.parametrize("spread", ["", " ", "\n"])
    def test_the_pasted_text_of_a_code_leads_to_its_page_with_the_seal(self, client, spread):
        row = issued()
        code = printing.check_code(row)
        answer = client.get(reverse("certificate-check"), {"number": code[:100] + spread + code[100:]})
        assert answer.url == f"{row.get_absolute_url()}#{row.seal}"

    @pytest.mark.parametrize(
        "pasted", ["https://evil.example/x#v1.<script>.y", "//evil.example#v1.a.b/", "a/b", "#v1.a.b"]
    )
    def test_nothing_pasted_leads_away_from_the_site(self, client, pasted):
        answer = client.get(reverse("certificate-check"), {"number": pasted})
        assert answer.status_code == 200 or answer.url.startswith("/certificates/")

    def test_a_revoked_one_in_a_cache_is_asked_for_again(self, client):
        row = issued()
        page, file = client.get(row.get_absolute_url()), client.get(reverse("certificate-file", args=[row.number]))
        assert b"".join(file.streaming_content).startswith(b"%PDF")
        assert ("no-cache" in page["Cache-Control"], "no-cache" in file["Cache-Control"]) == (True, True)
        end(row)
        tags = {"If-None-Match": file["ETag"]}
        assert client.get(reverse("certificate-file", args=[row.number]), headers=tags).status_code == 404
        tags = {"If-None-Match": page.get("ETag", '"none"')}
        assert "已撤销" in client.get(row.get_absolute_url(), headers=tags).content.decode()


class TestGuessing:
    ADDRESSES = (
        "/certificates/{}/",
        "/certificates/{}/file/",
        "/api/v1/certificates/{}/",
        "/api/v1/certificates/{}/file/",
    )

    def test_who_guesses_is_told_nothing_more_of_any_number(self, client, settings):
        settings.UNKNOWN_CERTIFICATES_PER_HOUR = 4
        row = issued()
        found = [client.get(self.ADDRESSES[turn % 4].format(f"NONE-{turn}")).status_code for turn in range(4)]
        assert found == [404] * 4
        for address in self.ADDRESSES:
            known, unknown = client.get(address.format(row.number)), client.get(address.format("NONE-X"))
            assert (known.status_code, unknown.status_code) == (429, 429)
            # But for the address itself, which stands in the forms for language and large type.
            assert known.content.replace(row.number.encode(), b"") == unknown.content.replace(b"NONE-X", b"")
            assert int(known["Retry-After"]) > 0
        assert client.get(row.get_absolute_url(), REMOTE_ADDR="192.0.2.7").status_code == 200

    def test_numbers_that_exist_are_looked_up_as_often_as_anybody_likes(self, client, settings):
        settings.UNKNOWN_CERTIFICATES_PER_HOUR = 1
        row = issued()
        assert {client.get(row.get_absolute_url()).status_code for _ in range(5)} == {200}


class TestCommand:
    def test_it_makes_the_first_key_rotates_it_and_lists_both(self, capsys):
        with pytest.raises(CommandError, match="issuer_key make"):
            call_command("issuer_key", "rotate")
        call_command("issuer_key", "make")
        with pytest.raises(CommandError, match="issuer_key rotate"):
            call_command("issuer_key", "make")
        call_command("issuer_key", "rotate")
        capsys.readouterr()
        call_command("issuer_key", "list")
        lines = capsys.readouterr().out.splitlines()
        assert sorted(("停用" in line, "正在使用" in line) for line in lines) == [(False, True), (True, False)]

    def test_old_certificates_are_sealed_once_each_with_an_event(self, capsys):
        valid, over = published.certificate(number=1, sha256="1" * 64), published.certificate(number=2, state="revoked")
        for sealed_now in (1, 0):
            call_command("issuer_key", "seal")
            assert f"补签 {sealed_now} 份；另有 1 份" in capsys.readouterr().out
        valid, over = Certificate.objects.get(pk=valid.pk), Certificate.objects.get(pk=over.pk)
        assert (says(valid).code, over.seal) == ("valid", "")
        (event,) = Event.objects.filter(verb="certificate.seal")
        assert event.data == {"key": valid.seal_key_id, "sha256": valid.sha256, "before": "1" * 64}
        assert timezone.localdate(event.at) == published.today()

    def test_without_a_key_nothing_is_sealed(self):
        published.certificate()
        IssuerKey.objects.update(is_current=False, retired=published.today())
        with pytest.raises(CommandError, match="没有签发证书的密钥"):
            call_command("issuer_key", "seal")
