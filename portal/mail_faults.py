"""Why a mail server did not take an e-mail, in words, and whether waiting can cure it."""

from __future__ import annotations

import smtplib
from dataclasses import dataclass

from portal.problems import Problem, gettext_noop

SAID_AT_MOST = 200  # characters of what a server answered


@dataclass(frozen=True, slots=True)
class Fault:
    """problem: for people. for_good: trying again would be refused again."""

    problem: Problem
    for_good: bool = False


def fault_of(error: Exception) -> Fault:
    """What an error of sending comes to (RFC 5321: answers of 500 and above are final, those of 400 are not)."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, said = next(iter(error.recipients.values()))
        return _answered(code, said, gettext_noop("收件地址被拒收：%(said)s"))
    if isinstance(error, smtplib.SMTPSenderRefused):
        words = gettext_noop("邮件服务器不接受本平台的发件地址：%(said)s")
        return _answered(error.smtp_code, error.smtp_error, words, final=False)
    if isinstance(error, smtplib.SMTPResponseException):
        # Of a message it is final; what is said to us at the door is set right by whoever runs the portal.
        final = isinstance(error, smtplib.SMTPDataError)
        return _answered(error.smtp_code, error.smtp_error, gettext_noop("邮件服务器没有收下：%(said)s"), final=final)
    if isinstance(error, smtplib.SMTPServerDisconnected):
        message = gettext_noop("邮件服务器中途断开，不知道是否已经收下。")
        return Fault(Problem("mail_disconnected", "", message))
    if isinstance(error, OSError) and not isinstance(error, smtplib.SMTPException):  # refused, unknown host, timeout
        message = gettext_noop("连接不上邮件服务器（%(error)s）。")
        return Fault(Problem("mail_unreachable", "", message, {"error": type(error).__name__}))
    message = gettext_noop("发送时出错（%(error)s）。")
    return Fault(Problem("mail_error", "", message, {"error": type(error).__name__}))


def _answered(code: int, said: bytes | str, refused: str, *, final: bool = True) -> Fault:
    """final: whether an answer of 500 and above is about this message rather than about us."""
    words = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    answer = {"said": f"{code} {' '.join(words.split())}"[:SAID_AT_MOST]}
    if code >= 500:
        return Fault(Problem("mail_refused", "", refused, answer), for_good=final)
    return Fault(Problem("mail_deferred", "", gettext_noop("邮件服务器暂缓接收，稍后再试：%(said)s"), answer))
