"""Who hears that a list has changed: the one task that tells all subscriptions.

Holds no HTTP and no catalog: `view` gives a caller's present lists. Theory of operation: `changed` marks, `run` looks.
A look renders the lists once per distinct (grant, path, era) that somebody listens with, compares their digests with
those each subscription saw last, and tells the kinds that differ; the next look is `COALESCE` seconds away. So a storm
is one notification per kind and look, and what brings the same list again is none. The exception is a server's own word
that a list of it has changed (`Upstream.on_unseen`).
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from hashlib import blake2b

from app.config.keyring import Principal
from app.gateway.subscription import Audience, End, Subscription
from app.protocol.versions import Era
from app.relay.directory import Listing
from app.relay.policy import Grant
from app.relay.view import View
from app.upstream.upstream import Upstream

log = logging.getLogger("app.gateway")

COALESCE = 0.25
# Listeners that are woken in one turn of the loop.
AT_ONCE = 20
# How often it is looked whether the keys that streams were opened with still count: within 2 s, and closed within 5.
REVIEW = 1.0
# While somebody listens, a remote server is listed anew so often: it may have no feed of changes.
STALE = 60.0
LISTS: dict[str, tuple[Listing, ...]] = {
    "tools": (Listing.TOOLS,),
    "prompts": (Listing.PROMPTS,),
    "resources": (Listing.RESOURCES, Listing.TEMPLATES),
}
KINDS = tuple(LISTS)


class Broadcast:
    """All subscriptions. `view` is the present generation's; `run` must be running for anybody to be told."""

    def __init__(self, view: Callable[[Grant, str], View]) -> None:
        self._view = view
        self._subscriptions: set[Subscription] = set()
        self._dirty = asyncio.Event()
        self._digests: dict[tuple[Audience, str], bytes] = {}
        self._watched: dict[int, tuple[Upstream, Callable[[], None]]] = {}

    def __repr__(self) -> str:
        return f"<Broadcast {len(self)} subscriptions>"

    def __len__(self) -> int:
        return len(self._subscriptions)

    def subscribe(
        self,
        principal: Principal,
        only: str = "",
        kinds: Iterable[str] = KINDS,
        *,
        era: Era = Era.LEGACY,
        renew: Callable[[], Principal | None] | None = None,
    ) -> Subscription:
        """From here on `principal` is told of `kinds` of its own lists, on the path of `only`, in its era's rendering.

        `renew` says who the listener is by now, None once its key counts no more. `leave` must follow.
        """
        wanted = tuple(kind for kind in KINDS if kind in set(kinds))
        subscription = Subscription(principal, only, wanted, era, renew or (lambda: principal))
        subscription.seen = {kind: self._digest(subscription.audience, kind) for kind in wanted}
        self._subscriptions.add(subscription)
        return subscription

    def keep(self, subscription: Subscription) -> None:
        """The listener is away and will be back: what changes meanwhile is told then; until `end`."""
        subscription.reopen()
        subscription.on_end = lambda: self.leave(subscription)
        self._subscriptions.add(subscription)

    def leave(self, subscription: Subscription) -> None:
        """The listener is gone."""
        self._subscriptions.discard(subscription)

    def watch(self, upstreams: Iterable[Upstream]) -> None:
        """These are the servers of the present generation: a change of one's catalog is a change, and so is this."""
        wanted = {id(upstream): upstream for upstream in upstreams}
        for ident in self._watched.keys() - wanted.keys():
            _, remove = self._watched.pop(ident)
            remove()
        for ident in wanted.keys() - self._watched.keys():
            upstream = wanted[ident]
            self._watched[ident] = upstream, upstream.add_listener(self._hearing(upstream))
            upstream.on_unseen = partial(self._unseen, upstream.spec.name)
        self.changed()

    def _unseen(self, server: str, kinds: set[str]) -> None:
        """A server says that its lists have changed, and they have not, or not for long: told to who asked it by name.

        And may use all of it: to anybody else only what differs in its own list is a change.
        """
        for subscription in self._subscriptions:
            if subscription.only == server and subscription.principal.grant.on(server).whole:
                for kind in kinds.intersection(subscription.kinds):
                    subscription.tell(kind)

    def changed(self) -> None:
        """Some list may be another one than it was. Cheap, and never blocks."""
        self._digests.clear()
        self._dirty.set()

    def revoke(self, still_valid: Callable[[Principal], bool]) -> None:
        """End the streams of whoever may call no more. Scopes that were edited are followed first."""
        for subscription in list(self._subscriptions):
            self._review(subscription)
            if not still_valid(subscription.principal):
                subscription.end(End.REVOKED)

    def end(self, why: End) -> None:
        """End every stream."""
        for subscription in list(self._subscriptions):
            subscription.end(why)

    async def run(self) -> None:
        """Tells; until cancelled."""
        clock = asyncio.get_running_loop().time
        review_at = clock() + REVIEW
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(review_at):
                    await self._dirty.wait()
            if clock() >= review_at:
                review_at = clock() + REVIEW
                for number, subscription in enumerate(list(self._subscriptions)):
                    if number % AT_ONCE == 0:
                        await asyncio.sleep(0)
                    self._review(subscription)
                self._refresh()
            if self._dirty.is_set():
                self._dirty.clear()
                await self._look()
                await asyncio.sleep(COALESCE)

    async def _look(self) -> None:
        told = 0
        for subscription in list(self._subscriptions):
            before = told
            try:
                told += await self._compare(subscription)
            except Exception:
                # The boundary: a bug met with one listener must not end what the others are told.
                log.exception("the lists of client %s could not be looked at", subscription.principal.client_id)
            if told // AT_ONCE > before // AT_ONCE:
                await asyncio.sleep(0)  # each of them writes now: calls get their turn in between

    async def _compare(self, subscription: Subscription) -> int:
        """How many lists of that listener have changed; it is told of each."""
        told = 0
        for kind in subscription.kinds:
            if (subscription.audience, kind) not in self._digests:
                await asyncio.sleep(0)  # a long list takes a moment to render: calls go first
            digest = self._digest(subscription.audience, kind)
            if digest != subscription.seen[kind]:
                subscription.seen[kind] = digest
                subscription.tell(kind)
                told += 1
        return told

    def _review(self, subscription: Subscription) -> None:
        """Keys expire and are revoked, and their scopes are edited."""
        try:
            principal = subscription.renew()
        except Exception:
            # The same boundary. Whose key cannot be looked at is told no more.
            log.exception("the key of client %s could not be looked at", subscription.principal.client_id)
            principal = None
        if principal is None or principal.client_id != subscription.principal.client_id:
            subscription.end(End.REVOKED)
        elif principal.grant != subscription.principal.grant:
            subscription.principal = principal
            self._dirty.set()

    def _refresh(self) -> None:
        if self._subscriptions:
            for upstream, _ in self._watched.values():
                upstream.refresh_if_older_than(STALE)

    def _digest(self, audience: Audience, kind: str) -> bytes:
        found = self._digests.get((audience, kind))
        if found is None:
            grant, only, era = audience
            view = self._view(grant, only)
            rendered = blake2b(digest_size=16)
            for listing in LISTS[kind]:
                rendered.update(view.list_result(listing, era))
            found = self._digests[audience, kind] = rendered.digest()
        return found

    def _hearing(self, upstream: Upstream) -> Callable[[Upstream], None]:
        """A listener that passes over what changes no catalog: a server's state alone is in no list."""
        version = upstream.version

        def heard(upstream: Upstream) -> None:
            nonlocal version
            if upstream.version != version:
                version = upstream.version
                self.changed()

        return heard
