"""The mails that the rehearsal's mail server has kept."""

from __future__ import annotations

import email
import email.policy

from ops.targets.local.layout import Layout
from ops.targets.local.watch import SMTP


def read(layout: Layout) -> list[dict[str, str]]:
    """Date, subject, Message-ID and text of each, in the order they came."""
    found = []
    for file in sorted((layout.data(SMTP) / "mails").glob("*.eml")):
        mail = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
        text = mail.get_body(("plain",))
        found.append(
            {
                "date": str(mail["Date"]),
                "subject": str(mail["Subject"]),
                "id": str(mail["Message-ID"]),
                "text": str(text.get_content()) if text is not None else "",
            }
        )
    return found
