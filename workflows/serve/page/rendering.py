"""Renders the page's templates: values are escaped, and written as people read them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import cache
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from components.base.wording import counted
from components.errors import Failure, Reason

_THEMES = ("light", "dark")
THEME_COOKIE = "theme"


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a template as the answer to a request."""
    theme = request.cookies.get(THEME_COOKIE, "")
    content = (
        _environment()
        .get_template(template)
        .render(
            path=request.url.path,
            theme=theme if theme in _THEMES else "",
            **values,
        )
    )
    return HTMLResponse(content, status)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("workflows.serve.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "clock": clock,
        "commands": commands,
        "counted": counted,
        "day": day,
        "duration": duration,
        "forecast": forecast,
        "megabytes": megabytes,
        "moment": moment,
        "path": path,
        "percent": percent,
    }
    environment.globals["remedy_of"] = remedy_of
    return environment


def clock(second: float) -> str:
    """Return a time in a video as players write it, with tenths: 1:04.5."""
    tenths = round(max(0.0, second) * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    start = f"{hours}:{minutes:02}" if hours else f"{minutes}"
    return f"{start}:{rest // 10:02}.{rest % 10}"


def duration(seconds: float) -> str:
    """Return how long something took or lasts."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds >= 0.05 or not seconds else "<0.1 s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def forecast(error: float) -> str:
    """Return by which part of what was expected a run took longer, or shorter."""
    if abs(error) < 0.05:
        return "as expected"
    return f"{100 * abs(error):.0f} % {'more' if error > 0 else 'less'} than expected"


def percent(part: float) -> str:
    """Return a part of 1 as a whole percentage; what is not quite all is not called all."""
    if 0.99 < part < 1:
        return "99"
    return f"{100 * part:.0f}"


def megabytes(count: int) -> str:
    """Return a size."""
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


def moment(time: datetime | str | None) -> str:
    """Return a time to the minute as an element, in UTC; scripts write it in the reader's zone."""
    if isinstance(time, str):
        try:
            time = datetime.fromisoformat(time)
        except ValueError:
            return str(time)
    if time is None:
        return ""
    time = time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    written = f"{time:%Y-%m-%dT%H:%M:%SZ}"
    return Markup('<time datetime="{}">{}</time>').format(written, f"{time:%Y-%m-%d %H:%M} UTC")


def day(value: date | None) -> str:
    """Return a date as forms hold it."""
    return value.isoformat() if value else ""


def path(name: str) -> str:
    """Return a name as a part of an address; slashes in it stay."""
    return quote(name)


def commands(text: str) -> Markup:
    """Return a text of the documents, of which `this` is what to type."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part)
        for number, part in enumerate(parts)
    )


def remedy_of(reason: str | None, platform: str, code: str) -> tuple[str, str] | None:
    """Return what a reason means for a video, and what to do; None for one that is not known."""
    for kind in (Reason, Failure):
        if reason in set(kind):
            known = kind(reason)
            remedy = known.remedy.replace("PLATFORM/CODE", f"{platform}/{code}")
            return known.meaning, remedy
    return None
