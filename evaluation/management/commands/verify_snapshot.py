"""``manage.py verify_snapshot``: whether a downloaded snapshot is whole, without a database and in two languages."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext_lazy as _

from evaluation.manifest import Unreadable, Verdict, verify

WORDS = {
    "changed": ("已被改动", "changed"),
    "missing": ("缺少", "missing"),
    "added": ("多出", "added"),
    "manifest": ("清单与封存内容不符", "the manifest does not agree with what was sealed"),
    "digest": ("与给出的摘要不符", "differs from the digest that was given"),
}
REASONS = {
    "no_file": ("无法读取文件", "the file cannot be read"),
    "no_archive": ("不是平台写出的 ZIP 文件，或已损坏", "not a ZIP archive that the portal wrote, or damaged"),
    "no_manifest": ("没有可用的 manifest.json", "no usable manifest.json"),
    "not_as_written": (
        "被重新压缩或加密过，请用原下载文件",
        "compressed again or encrypted; use the file as downloaded",
    ),
    "double_names": ("有重名的文件", "several files have one name"),
    "names_lead_out": ("有指向压缩包之外的文件名", "names lead out of the archive"),
    "too_much": ("内容过大，不予打开", "too large to be opened"),
}


class Command(BaseCommand):
    help = "核验下载的提交快照（ZIP）：完整为 0，有改动、缺少或多出为 1，无法核验为 2。不需要数据库。"
    # Neither checks nor migrations are looked at: the archive is all that is needed.
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the archive and the digest."""
        parser.add_argument("archive", type=Path, help=_("下载的快照文件"))
        parser.add_argument("--digest", default="", help=_("平台显示的 SHA-256，给出时一并核对"))

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what was found; leave with 0, 1 or 2."""
        try:
            verdict = verify(options["archive"], options["digest"])
        except Unreadable as reason:
            chinese, english = REASONS[str(reason)]
            self.stderr.write(f"无法核验：{chinese}。\nCannot be verified: {english}.")
            raise SystemExit(2) from None
        self.stdout.write(f"SHA-256 {verdict.sealed}")
        if verdict.differences:
            self._tell(verdict)
            raise SystemExit(1)
        self.stdout.write(
            f"完整：{verdict.files} 个文件与封存时一致。\nWhole: {verdict.files} files are as they were sealed."
        )
        if not options["digest"]:
            self.stdout.write(
                "请再与平台“提交版本”页显示的 SHA-256 核对（--digest）。\n"
                "Compare the SHA-256 above with the one that the portal shows for this version (--digest)."
            )

    def _tell(self, verdict: Verdict) -> None:
        self.stdout.write("不完整：\nNot whole:")
        for difference in verdict.differences:
            chinese, english = WORDS[difference.kind]
            self.stdout.write(f"  {chinese} · {english}: {difference.path}")
