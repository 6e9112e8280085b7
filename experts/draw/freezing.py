"""From the portal's experts to a frozen pool: reasons for leaving people out, salted hashes, and refusals in words.

Hides how salts are derived and in which order reasons are looked for. A pool from which no panel can be seated is
refused here, before anybody has made a secret.
"""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from experts.draw.pool import (
    EXCLUSIONS,
    HEX_64,
    Candidate,
    Entry,
    Frozen,
    Pool,
    Rules,
    is_field,
    pseudonym,
    rule_problems,
)
from experts.draw.shortage import pool_shortages
from portal.problems import Problem, Refused, gettext_noop


def freeze(
    candidates: Iterable[Candidate], rules: Rules, subject: str, already: Iterable[str] = (), *, salt: str
) -> Frozen:
    """Freeze a pool for one draw.

    subject: what the panel is for, such as the number of the application and the round. already: ids that were seated
    or declined in earlier draws of this case. salt: 64 hexadecimal digits, fresh for every draw and secret; the salt of
    every person and employer is derived from it, so that opening one opens no other.

    Refused with every problem at once: rules or candidates that contradict themselves; otherwise a pool from which no
    panel can be seated, with what would cure it.
    """
    candidates = list(candidates)
    problems = [*rule_problems(rules), *_candidate_problems(candidates)]
    if not HEX_64.fullmatch(salt):
        problems.append(Problem("salt", "salt", gettext_noop("盐值应为 64 位小写十六进制字符。")))
    if problems:
        raise Refused(problems)
    excluded = exclusions(candidates, rules, already)
    identities = {}
    entries = []
    for candidate in candidates:
        identity = _identity(candidate, salt)
        entry = _entry(candidate, identity, excluded.get(candidate.expert_id))
        identities[entry.id] = identity
        entries.append(entry)
    pool = Pool(subject, rules, tuple(sorted(entries, key=lambda entry: entry.id)))
    if problems := pool_shortages(pool):
        raise Refused(problems)
    return Frozen(pool.document(), identities)


def exclusions(candidates: Iterable[Candidate], rules: Rules, already: Iterable[str] = ()) -> dict[str, str]:
    """Return expert id -> code of EXCLUSIONS for everybody who cannot be drawn: the first reason that holds."""
    spent = set(already)
    found = ((candidate.expert_id, _exclusion(candidate, rules, spent)) for candidate in candidates)
    return {expert_id: code for expert_id, code in found if code}


def _exclusion(candidate: Candidate, rules: Rules, already: set[str]) -> str | None:
    if candidate.excluded is not None:
        return candidate.excluded
    reasons = (
        (candidate.expert_id in already, "already_drawn"),
        (not candidate.employer, "unknown_employer"),
        (not candidate.fields, "no_field"),
        (candidate.load >= rules.max_load, "load_limit"),
    )
    return next((code for holds, code in reasons if holds), None)


def _candidate_problems(candidates: Sequence[Candidate]) -> list[Problem]:
    problems = []
    for expert_id, times in Counter(candidate.expert_id for candidate in candidates).items():
        if times > 1:
            message = gettext_noop("同一名专家在名单中出现 %(times)d 次。")
            problems.append(Problem("duplicate", expert_id, message, {"times": times}))
    for candidate in candidates:
        if candidate.excluded is not None and candidate.excluded not in EXCLUSIONS:
            message = gettext_noop("排除原因“%(reason)s”不在原因表内。")
            problems.append(Problem("exclusion", candidate.expert_id, message, {"reason": candidate.excluded}))
        if candidate.load < 0:
            problems.append(Problem("load", candidate.expert_id, gettext_noop("年度评审次数不得为负。")))
        if not all(is_field(code) for code in candidate.fields):
            problems.append(Problem("field", candidate.expert_id, gettext_noop("专业代码不合规定。")))
    return problems


def _identity(candidate: Candidate, salt: str) -> dict[str, str]:
    """Derive the salts of one person; colleagues share the employer's, or their employers could not be compared."""

    def derived(kind: str, value: str) -> str:
        return hmac.digest(bytes.fromhex(salt), f"{kind}\0{value}".encode(), "sha256").hex()

    return {
        "expert_id": candidate.expert_id,
        "salt": derived("expert", candidate.expert_id),
        "employer": candidate.employer,
        "employer_salt": derived("employer", candidate.employer),
    }


def _entry(candidate: Candidate, identity: Mapping[str, str], excluded: str | None) -> Entry:
    return Entry(
        id=pseudonym(identity["salt"], candidate.expert_id),
        fields=tuple(sorted(set(candidate.fields))),
        employer=pseudonym(identity["employer_salt"], candidate.employer) if candidate.employer else "",
        district=candidate.district,
        load=candidate.load,
        can_lead=candidate.can_lead,
        excluded=excluded,
    )
