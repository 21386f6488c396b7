"""Moves the alias that readers use to another model's collection, and back.

The alias moves in one step, after the check and before the markers. Whatever breaks this off, the
same command finishes it: it leaves alone what is done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from components.collection import FrameCollection
from components.collection.family import CollectionFamily
from components.encoders.identity import identity
from components.errors import ConfigurationError
from components.services import Services
from workflows.model_swap.rebook import Survey, rebook_all, rolled_back, survey, switched

Tell = Callable[[str], None]


def switch(
    services: Services,
    *,
    confirmed: bool,
    incomplete: bool = False,
    tell: Tell,
) -> dict[str, Any]:
    """Move the alias to the collection of CLIP_MODEL's model and rebook the done videos.

    Args:
        confirmed: Without it, say what would happen and change nothing.
        incomplete: Switch although videos are lacking; they are not found until they are run.

    Returns:
        What `oriane model switch --json` prints.

    Raises:
        ConfigurationError: nothing is prepared for the model, or it lacks videos.
    """
    settings = services.settings
    family = CollectionFamily(services.collection.connection)
    current, model = family.current(), identity(settings.embed.model)
    target = family.find(model, settings.embed.dim)
    rebook = switched(settings, model, target.dim())
    tell(f"looking for the done videos in {target.name}")
    found = survey(services, target, model, rebook)
    if found.lacking and not incomplete:
        raise ConfigurationError(
            f"{target.name} lacks points of {found.lacking} of {found.videos} done videos; type "
            f"oriane model prepare --model {settings.embed.model}, or switch with --incomplete"
        )
    if confirmed:
        if not current or current.name != target.name:
            family.finish(target)
            family.switch(target)
        tell("rebooking the done videos")
        rebook_all(services, target, model, rebook, keep_previous=True)
    return _outcome(family.alias, current, target, model, found, confirmed)


def rollback(services: Services, *, confirmed: bool, tell: Tell) -> dict[str, Any]:
    """Move the alias back to where it was before the last switch, and the bookings with it.

    Videos that the former collection lacks keep their marker, by which a plan sees that they are
    stale under its model.

    Returns:
        What `oriane model rollback --json` prints.

    Raises:
        ConfigurationError: there was no switch, or it is rolled back.
    """
    family = CollectionFamily(services.collection.connection)
    current, former = family.current(), family.previous()
    target = former or current
    model = target.model() if target else None
    if target is None or model is None:
        raise _nothing_to_roll_back(family.alias)
    rebook = rolled_back(services.settings, model, target.dim())
    tell(f"looking for the done videos in {target.name}")
    found = survey(services, target, model, rebook)
    if former is None and not found.to_rebook:
        raise _nothing_to_roll_back(family.alias)
    if confirmed:
        if former:
            family.roll_back(former)
        tell("rebooking the done videos")
        rebook_all(services, target, model, rebook, keep_previous=False)
    return _outcome(family.alias, current, target, model, found, confirmed)


def _outcome(
    alias: str,
    current: FrameCollection | None,
    target: FrameCollection,
    model: str,
    found: Survey,
    confirmed: bool,
) -> dict[str, Any]:
    note = f"{found.lacking} videos are not found until they are run with CLIP_MODEL as {model}"
    return {
        "alias": alias,
        "from": current.name if current else None,
        "to": target.name,
        "model": model,
        "dim": target.dim(),
        "dry_run": not confirmed,
        **asdict(found),
        "note": note if found.lacking else None,
    }


def _nothing_to_roll_back(alias: str) -> ConfigurationError:
    return ConfigurationError(
        f"{alias!r} has no collection from before a switch; oriane model status lists those there "
        "are, and oriane model switch --model takes any"
    )
