"""``manage.py issuer_key``: make the key that seals certificates, rotate it, seal what was issued before there was one."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import IntegrityError

from evaluation import outcome, sealing
from evaluation.models import Certificate, IssuerKey
from portal.problems import Refused


class Command(BaseCommand):
    help = "签发证书的密钥：list 列出，make 生成第一把，rotate 换新，seal 为此前无签名的有效证书补签。"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("act", choices=["list", "make", "rotate", "seal"])

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, f"_{options['act']}")()

    def _list(self) -> None:
        for row in IssuerKey.objects.all():
            place = sealing.path_of(row.code)
            until = f"停用 {row.retired}" if row.retired else f"正在使用，私钥 {place}"
            self.stdout.write(f"{row.code}  启用 {row.begins}  {until}")

    def _make(self) -> None:
        if IssuerKey.objects.filter(is_current=True).exists():
            raise CommandError("已有正在使用的密钥；换新请用 issuer_key rotate。")
        self._made(sealing.first_key())

    def _rotate(self) -> None:
        if not IssuerKey.objects.filter(is_current=True).exists():
            raise CommandError("还没有密钥；请先用 issuer_key make。")
        try:
            self._made(sealing.make_key())
        except IntegrityError as error:
            raise CommandError("另一进程刚刚换用了新密钥，请用 issuer_key list 查看。") from error

    def _made(self, row: IssuerKey) -> None:
        self.stdout.write(self.style.SUCCESS(f"密钥 {row.code} 已启用：{sealing.path_of(row.code)}"))
        self.stdout.write("请立即备份该文件；只有工作进程需要读取它。")

    def _seal(self) -> None:
        try:
            sealed = outcome.seal_unsealed()
        except Refused as refused:
            raise CommandError(str(refused)) from refused
        self.stdout.write(self.style.SUCCESS(f"补签 {sealed} 份；另有 {_left()} 份已失效的证书保持原样。"))


def _left() -> int:
    return Certificate.objects.filter(seal="").count()
