"""Moves the alias that readers use to another model's collection, and back.

The alias moves in one step, after the check and before the markers. Whatever breaks this off, the
same command finishes it: it leaves alone what is done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from components.base.model_names import identity
from components.errors import ConfigurationError
from components.running.services import Services
from components.stores.vectors.store import Collection
from workflows.model_swap.rebook import Survey, rebook_all, rolled_back, survey, switched
from workflows.model_swap.reports import Switched

Tell = Callable[[str], None]


def switch(
    services: Services,
    *,
    confirmed: bool,
    incomplete: bool = False,
    tell: Tell,
) -> Switched:
    """Move the alias to the collection of CLIP_MODEL's model and rebook the done videos.

    Args:
        confirmed: Without it, say what would happen and change nothing.
        incomplete: Switch although videos are lacking; they are not found until they are run.

    Raises:
        ConfigurationError: nothing is prepared for the model, or it lacks videos.
    """
    settings = services.settings
    store = services.vectors
    current, model = store.current(), identity(settings.embed.model)
    target = store.find(model, settings.embed.dim)
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
            store.finish(target)
            store.switch(target)
        tell("rebooking the done videos")
        rebook_all(services, target, model, rebook, keep_previous=True)
    return _outcome(store.alias, current, target, model, found, confirmed)


def rollback(services: Services, *, confirmed: bool, tell: Tell) -> Switched:
    """Move the alias back to where it was before the last switch, and the bookings with it.

    Videos that the former collection lacks keep their marker, by which a plan sees that they are
    stale under its model.

    Raises:
        ConfigurationError: there was no switch, or it is rolled back.
    """
    store = services.vectors
    current, former = store.current(), store.previous()
    target = former or current
    model = target.model() if target else None
    if target is None or model is None:
        raise _nothing_to_roll_back(store.alias)
    rebook = rolled_back(services.settings, model, target.dim())
    tell(f"looking for the done videos in {target.name}")
    found = survey(services, target, model, rebook)
    if former is None and not found.to_rebook:
        raise _nothing_to_roll_back(store.alias)
    if confirmed:
        if former:
            store.roll_back(former)
        tell("rebooking the done videos")
        rebook_all(services, target, model, rebook, keep_previous=False)
    return _outcome(store.alias, current, target, model, found, confirmed)


def _outcome(
    alias: str,
    current: Collection | None,
    target: Collection,
    model: str,
    found: Survey,
    confirmed: bool,
) -> Switched:
    note = f"{found.lacking} videos are not found until they are run with CLIP_MODEL as {model}"
    return Switched(
        alias=alias,
        **{"from": current.name if current else None},
        to=target.name,
        model=model,
        dim=target.dim(),
        dry_run=not confirmed,
        note=note if found.lacking else None,
        **asdict(found),
    )


def _nothing_to_roll_back(alias: str) -> ConfigurationError:
    return ConfigurationError(
        f"{alias!r} has no collection from before a switch; oriane model status lists those there "
        "are, and oriane model switch --model takes any"
    )
